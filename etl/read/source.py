"""What readers read: a file of a folder as it lies, or an object elsewhere, taken into memory."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from etl.model.errors import BadInputError, UserError

if TYPE_CHECKING:
    from upath import UPath

MAX_OBJECT_BYTES = 2 * 2**30  # twice the largest volume that is read


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """An object of a release elsewhere, and what the index says of it.

    Every read is checked against the MD5 of the index: it costs a tenth of what it takes to bring
    the bytes, asks the store nothing, and lets no value be filed under the hash of other bytes.
    """

    release: UPath
    inside: str
    md5: str
    size_bytes: int

    def __str__(self) -> str:
        """Return the address."""
        return show_address(self.release, self.inside)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.inside).name

    @property
    def suffix(self) -> str:
        """Last suffix of the name."""
        return PurePosixPath(self.inside).suffix

    def read_bytes(self) -> bytes:
        """Return the whole object.

        Raises:
            UserError: it is gone or changed since it was indexed, or the store does not give it.
            BadInputError: it is larger than anything that is read.
        """
        if self.size_bytes > MAX_OBJECT_BYTES:
            raise BadInputError(
                "file_too_large",
                observed=f"{self.size_bytes} bytes",
                expected=f"at most {MAX_OBJECT_BYTES}, as it is read into memory",
                likely_cause="another file under this name",
                fix="Put the right file in its place, then run again.",
            )
        content = self._fetch() if self.size_bytes else b""
        if md5(content, usedforsecurity=False).hexdigest() != self.md5:
            raise report_changed(str(self), "it holds other bytes than were indexed")
        return content

    def _fetch(self) -> bytes:
        """Return the object, and one byte more where it has grown since."""
        path = f"{self.release.path}/{self.inside}"
        try:
            content: bytes = self.release.fs.cat_file(path, start=0, end=self.size_bytes + 1)
        except FileNotFoundError as error:
            raise report_changed(str(self), "it is gone") from error
        except Exception as error:  # each kind of store has errors of its own
            raise report_unreachable(str(self), error) from error
        return content


Source = Path | RemoteFile
Content = mmap.mmap | bytes


def show_address(release: UPath, inside: str = "") -> str:
    """Return the address of a release, or of a file in it; of ssh:// UPath leaves the host out."""
    options = release.storage_options
    address = str(release).rstrip("/")
    if options.get("host"):
        user = f"{options['username']}@" if options.get("username") else ""
        port = f":{options['port']}" if options.get("port") else ""
        address = f"{release.protocol}://{user}{options['host']}{port}{release.path}".rstrip("/")
    return f"{address}/{inside}" if inside else address


def report_changed(address: str, how: str) -> UserError:
    """Return the error of an object that is not what the index says."""
    return UserError(f"{address} changed while it was read: {how}. Run `ispy1 repro` again.")


def report_unreachable(address: str, error: BaseException) -> UserError:
    """Return the error of a store that does not answer, or refuses."""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return UserError(
        f"{address} cannot be read ({reason}). Check the address in params.yaml, the credentials "
        "and the network, then run again: what was measured is kept."
    )


@contextmanager
def map_source(source: Source) -> Iterator[Content]:
    """Yield the bytes of a file, mapped where it lies on a disk.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
    """
    if isinstance(source, RemoteFile):
        content = source.read_bytes()
        if not content:
            message = "cannot mmap an empty file"  # one finding, wherever the release is
            raise ValueError(message)
        yield content
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        yield raw


def open_text(source: Source, encoding: str) -> io.TextIOWrapper:
    """Return a file, opened to read text with the ends of its lines as they are.

    Raises:
        OSError: it cannot be opened.
    """
    openable = find_openable(source)
    binary = openable.open("rb") if isinstance(openable, Path) else openable
    return io.TextIOWrapper(binary, encoding=encoding, newline="")


def find_openable(source: Source) -> Path | io.BytesIO:
    """Return what a library opens by itself: the path of a file, or its content in memory."""
    return io.BytesIO(source.read_bytes()) if isinstance(source, RemoteFile) else source


def measure_size(source: Source) -> int:
    """Return the length of a file in bytes.

    Raises:
        OSError: it cannot be asked.
    """
    return source.size_bytes if isinstance(source, RemoteFile) else source.stat().st_size
