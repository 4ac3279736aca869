"""Table files of today's remote, read in ranges where they lie: what DuckDB sees of a store."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from etl.model.errors import UserError
from etl.versions import dvc, objects


class RemoteFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files that were added, each by an address with its MD5; no other has an address.

    So a query that could name an address reaches nothing but tables. A range is as the remote gives
    it: only a whole file could be checked against its MD5.
    """

    protocol = dvc.SCHEME
    cachable = False

    def __init__(self, root: Path) -> None:
        """Open today's remote of a project.

        Raises:
            UserError: none is set, or it cannot be used.
        """
        super().__init__()
        dvc.require_remote(root)
        self._name = dvc.read_remote_name(root)
        self._md5s: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        with dvc.open_remote(root) as (_, remote):
            self._remote = remote

    def add_table(self, name: str, md5: str) -> str:
        """Return the address of a table."""
        self._md5s[f"{md5}/{name}.parquet"] = md5
        return f"{dvc.SCHEME}://{md5}/{name}.parquet"

    def add_parts(self, name: str, md5s: Mapping[str, str]) -> str:
        """Return the address of the folder of a table that has one file per case."""
        digest = hashlib.sha256(repr(sorted(md5s.items())).encode()).hexdigest()[:32]
        for case_id, md5 in md5s.items():
            self._md5s[f"{digest}/{name}/case_id={case_id}/{name}.parquet"] = md5
        return f"{dvc.SCHEME}://{digest}/{name}"

    def glob(self, path: str, **_options: object) -> list[str]:
        """Return the files that match a pattern, from the list: the store is not asked."""
        pattern = self._strip_protocol(path)
        return sorted(file for file in self._md5s if fnmatchcase(file, pattern))

    def info(self, path: str, **_options: object) -> dict[str, Any]:
        """Return name and size of a file."""
        file = self._strip_protocol(path)
        if file not in self._sizes:
            self._sizes[file] = self._ask(file, "info")["size"]
        return {"name": file, "size": self._sizes[file], "type": "file"}

    def modified(self, path: str) -> datetime:
        """Return one time for all: what is known by its MD5 never changes.

        It is not 0, which DuckDB takes for unknown, and then keeps nothing that it read.
        """
        del path
        return datetime(2000, 1, 1, tzinfo=UTC)

    def _open(self, path: str, mode: str = "rb", *_words: object, **_options: object) -> _File:
        if mode != "rb":
            message = f"{path}: the remote is only read."
            raise UserError(message)
        return _File(self, path)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes of a file from `start` to before `end`."""
        data: bytes = self._ask(path, "cat_file", start=start, end=end)
        return data

    def _ask(self, file: str, question: str, **options: int) -> Any:  # noqa: ANN401  fsspec's
        """Return what the store says of a file.

        Raises:
            UserError: it does not hold it, refuses, or does not answer in time.
        """
        md5 = self._md5s.get(file)
        store = self._remote.fs.fs
        try:
            if md5 is None:
                raise FileNotFoundError  # noqa: TRY301  one sentence for both
            path = self._remote.oid_to_path(md5)
            if not store.async_impl:
                return getattr(store, question)(path, **options)
            coroutine = getattr(store, f"_{question}")
            return sync(store.loop, coroutine, path, **options, timeout=objects.ANSWER_S)
        except FileNotFoundError as error:
            message = (
                f"The remote {self._name} does not hold {file.partition('/')[2]} (MD5 {md5}). "
                "Run `ispy1 push --all-versions` where it was built, or ask without --remote."
            )
            raise UserError(message) from error
        except TimeoutError as error:
            silence = TimeoutError(f"no answer within {objects.ANSWER_S:g} s")
            raise UserError(dvc.describe_unusable(self._name, silence)) from error
        except Exception as error:  # each kind of remote has errors of its own
            raise UserError(dvc.describe_unusable(self._name, error)) from error


class _File(io.RawIOBase):
    """A file of the store that several threads read at once, each at a place of its own."""

    def __init__(self, files: RemoteFiles, path: str) -> None:
        super().__init__()
        self._files, self._path = files, path
        self._place = threading.local()
        self._size: int = files.info(path)["size"]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        self._place.offset = base + offset
        return base + offset

    def tell(self) -> int:
        offset: int = getattr(self._place, "offset", 0)
        return offset

    def read(self, size: int = -1) -> bytes:
        start = self.tell()
        end = self._size if size < 0 else min(start + size, self._size)
        data = self._files.read_range(self._path, start, end) if start < end else b""
        self._place.offset = start + len(data)
        return data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
