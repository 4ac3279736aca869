"""Put files into the release: space first, one at a time, each whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from etl.adopt.compare import Item
from etl.adopt.memory import STATE, Signature, make_signature, read_signature
from etl.model.errors import UserError
from etl.model.locks import lock_handle
from etl.text.values import format_bytes

Progress = Callable[[int, int], None]  # bytes copied, bytes in all

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file (btrfs, XFS, bcachefs)
_TEMPORARY = ".adopt.tmp"  # the tail is in .dvcignore
_BLOCK = 1 << 20


class SourceError(Exception):
    """A file of the source cannot be had whole; the message is the reason."""


@contextlib.contextmanager
def lock_release(root: Path) -> Iterator[None]:
    """Hold the project's lock on the release.

    Raises:
        UserError: another adoption runs, or the project cannot be written.
    """
    folder = root / STATE
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "adopt.lock").open("w")
    with handle:
        try:
            lock_handle(handle.fileno(), wait=False)
        except BlockingIOError as error:
            message = f"{root}: another ispy1 adopt is at work here. Wait until it has ended."
            raise UserError(message) from error
        yield


@contextlib.contextmanager
def explain_write_errors(target: Path) -> Iterator[None]:
    """Turn what the system says about a path that cannot be written into a sentence.

    Raises:
        UserError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        todo = "Free some space" if error.errno == errno.ENOSPC else "Make it writable"
        message = f"{target}: cannot be written ({error.strerror}). {todo} and run adopt again."
        raise UserError(message) from error


def measure_free_bytes(folder: Path) -> int:
    """Return the free space where the folder is, or where it would be made."""
    return shutil.disk_usage(find_existing(folder)).free


def find_existing(folder: Path) -> Path:
    """Return the nearest folder upward that exists: a new one will be on the disk of that."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def count_bytes_to_copy(items: Sequence[Item]) -> int:
    """Return how many bytes the items bring to the release."""
    return sum(item.taken.size_bytes for item in items if item.taken.action != "unchanged")


def check_space(items: Sequence[Item], release: Path, needed: int, free: int) -> None:
    """Refuse to begin where the disk is too small and cannot share blocks with the source.

    Raises:
        UserError: with what is needed and what is free.
    """
    if needed <= free or _can_share(items, release):
        return
    message = (
        f"{release}: needs {format_bytes(needed)} (the release and DVC's cache of it), "
        f"{format_bytes(free)} are free. Free some space and run adopt again."
    )
    raise UserError(message)


def begin(release: Path) -> None:
    """Make the folder of the release, and clear what a killed run left.

    Raises:
        UserError: it cannot be written.
    """
    with explain_write_errors(release):
        release.mkdir(parents=True, exist_ok=True)
        (release / _TEMPORARY).unlink(missing_ok=True)


def put(
    source: Path, release: Path, target: str, step: Callable[[int], None]
) -> tuple[Signature, int]:
    """Bring one file: reflink, else copy, to a temporary name, then rename.

    What lies at the target is replaced, never written into: it may be a link into DVC's cache.

    Returns:
        The source's signature, and how many bytes share their blocks with it.

    Raises:
        SourceError: the source cannot be read or changed meanwhile; nothing was placed.
        UserError: the release cannot be written.
    """
    path = release / target
    temporary = release / _TEMPORARY
    with _open_source(source) as handle, explain_write_errors(path):
        try:
            before = make_signature(os.fstat(handle))
            _make_folder(path.parent, release)
            bytes_shared = _fill(handle, temporary, step)
            if _is_changed(handle, source, before):
                reason = "changed while it was copied; run adopt again when it is at rest"
                raise SourceError(reason)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return before, bytes_shared


def remove(release: Path, paths: Iterable[str]) -> None:
    """Remove files of the release, and the folders that this empties.

    Raises:
        UserError: the release cannot be written.
    """
    for path in paths:
        file = release / path
        with explain_write_errors(file):
            file.unlink(missing_ok=True)
            for folder in file.relative_to(release).parents[:-1]:
                if any((release / folder).iterdir()):
                    break
                (release / folder).rmdir()


def flush(release: Path, targets: Iterable[str]) -> None:
    """Make the renames last: flush every folder that got a file.

    Raises:
        UserError: the disk reports an error.
    """
    for folder in {(release / target).parent for target in targets} | {release}:
        with explain_write_errors(folder):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


@contextlib.contextmanager
def _open_source(source: Path) -> Iterator[int]:
    """Open a regular file of the source."""
    try:
        # O_NONBLOCK: a pipe that took the file's place must not hold the run.
        handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise SourceError(reason) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            reason = "is no longer a file"
            raise SourceError(reason)
        yield handle
    finally:
        os.close(handle)


def _make_folder(folder: Path, release: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.resolve().is_relative_to(release.resolve()):
        raise OSError(errno.EPERM, "the folder is a link that leaves the release")


def _fill(handle: int, temporary: Path, step: Callable[[int], None]) -> int:
    """Bring the bytes; return of how many the disk shares the blocks instead of copying them."""
    with temporary.open("wb") as out:
        bytes_shared = os.fstat(handle).st_size if _share(handle, out.fileno()) else 0
        if bytes_shared:
            step(bytes_shared)
        else:
            while block := _read_block(handle):
                out.write(block)
                step(len(block))
            out.flush()
        os.fsync(out.fileno())
    return bytes_shared


def _read_block(handle: int) -> bytes:
    try:
        return os.read(handle, _BLOCK)
    except OSError as error:
        reason = f"cannot be read to its end ({error.strerror})"
        raise SourceError(reason) from error


def _share(source: int, out: int) -> bool:
    try:
        fcntl.ioctl(out, _FICLONE, source)
    except OSError:
        return False  # another disk, or a file system that cannot: the caller copies
    return True


def _can_share(items: Sequence[Item], release: Path) -> bool:
    """Return whether the disk can share blocks with the source (tried with one file)."""
    first = next(item for item in items if item.taken.action != "unchanged")
    begin(release)
    temporary = release / _TEMPORARY
    try:
        with first.real.open("rb") as source, temporary.open("wb") as out:
            return _share(source.fileno(), out.fileno())
    except OSError:
        return False  # not even one file: the sentence about space is the right one
    finally:
        temporary.unlink(missing_ok=True)


def _is_changed(handle: int, source: Path, before: Signature) -> bool:
    """Return whether a file was written, replaced or deleted since."""
    try:
        return [make_signature(os.fstat(handle)), read_signature(source)] != [before, before]
    except FileNotFoundError:
        return True
