"""The publisher's checksum manifest: lines `<md5> <path>`, unordered."""

from __future__ import annotations

import re
from functools import partial

from etl.model.errors import BadInputError
from etl.read.source import Source, measure_size, open_text

_LINE = re.compile(r"^([0-9a-fA-F]{32}) [ *]?(.+)$")
MAX_BYTES = 64 * 2**20


def read_manifest(source: Source) -> dict[str, str]:
    """Return path as listed -> MD5, lower case.

    Raises:
        BadInputError: unreadable, or a line that is no checksum line (the first is quoted).
    """
    try:
        if (size := measure_size(source)) > MAX_BYTES:
            raise _report_bad(observed=f"{size} bytes")
        with open_text(source, "utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _report_bad(observed=str(error)) from error
    listed: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.match(line.rstrip())
        if match is None:
            raise _report_bad(observed=f"line {number}: {line[:80]!r}")
        listed[match[2]] = match[1].lower()
    return listed


_report_bad = partial(
    BadInputError, "manifest_unreadable",
    expected="lines of an MD5, a space and a path",
    likely_cause="a broken download, or another file under this name",
    fix="Download the manifest again and adopt it.",
)  # fmt: skip
