"""Look at the first bytes of images and masks: is this a NIfTI file at all?"""

from __future__ import annotations

from collections.abc import Iterable

from etl.adopt.recognise import Candidate

_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 348  # NIfTI-1; its size stands first, its magic number last
_SIZES = (348, 540)  # of a NIfTI-1 and a NIfTI-2 header
_MAGIC = (b"n+1\0", b"ni1\0")


def damaged(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """The images and masks that are neither gzip nor NIfTI by their first bytes, in order.

    Cheap on purpose: the build reads them in full and names what it finds.
    """
    blobs = (c for c in candidates if c.name.image_set or c.name.mask)
    return tuple(c.found.path for c in blobs if not _is_plausible(c))


def _is_plausible(candidate: Candidate) -> bool:
    try:
        with candidate.found.real.open("rb") as file:
            start = file.read(_HEADER_BYTES)
    except OSError:
        return True  # the copy says that it cannot be read
    if start.startswith(_GZIP):
        return True
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    return not sizes.isdisjoint(_SIZES) or start[344:] in _MAGIC
