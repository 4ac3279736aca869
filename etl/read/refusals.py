"""Why a blob is no image, in words: what lies there, and what to do."""

from __future__ import annotations

from etl.model.errors import BadInputError

MIN_ZEROS = 512  # no intact gzip ends in so many


def refuse(check: str, observed: str, expected: str, cause: str, fix: str) -> BadInputError:
    """Return the error of a blob that cannot be used."""
    return BadInputError(check, observed=observed, expected=expected, likely_cause=cause, fix=fix)


def report_damage(check: str, observed: str, expected: str) -> BadInputError:
    """Return the error of a broken download."""
    return refuse(
        check, observed, expected, "a broken download or copy",
        "Download the file again and adopt it.",
    )  # fmt: skip


def cut_short(check: str, observed: str, expected: str, compressed: bytes) -> BadInputError:
    """Return the error of a stream that ends too early; zeros at its end are named."""
    n_zeros = len(compressed) - len(compressed.rstrip(b"\0"))
    if n_zeros < MIN_ZEROS:
        return report_damage(check, observed, expected)
    return refuse(
        check, f"{observed}; the last {n_zeros} of {len(compressed)} bytes are zeros", expected,
        "a download that reserved its space and was cut short",
        "Download the file again, to its end, and adopt it.",
    )  # fmt: skip


def report_no_image(start: bytes) -> BadInputError:
    """Return the error that says what lies in the place of an image."""
    text = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        return refuse(
            "not_nifti", "a Git LFS pointer, not the file itself", "a NIfTI file",
            "a clone made without git-lfs",
            "Run `git lfs pull` where the file came from, then adopt it again.",
        )  # fmt: skip
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return refuse(
            "not_nifti", "a web page (HTML or XML)", "a NIfTI file",
            "a server's error or login page, saved under the file's name",
            "Open the address in a browser, log in if asked, download again and adopt the file.",
        )  # fmt: skip
    if start and not start.strip(b"\0"):
        return refuse(
            "not_nifti", "zeros from the first byte on", "a NIfTI file",
            "a download that reserved its space and never came",
            "Download the file again, to its end, and adopt it.",
        )  # fmt: skip
    return report_damage("not_nifti", f"first bytes {start[:4].hex()}", "a gzip or NIfTI file")
