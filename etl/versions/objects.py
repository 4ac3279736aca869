"""The objects of a release elsewhere (s3://, ssh://): which there are, and their MD5s.

MD5s are ours, over every byte, as DVC's builder would take them. The stores' own checksums are not
believed: an ETag is an MD5 for an object that came in one piece and was not encrypted by KMS, and
nothing says which those are. DVC's builder itself is not asked, as it keeps no hash of what is not
on a disk and would read the whole release at every index. An MD5 is kept beside the object's ETag
and size (over ssh: time and size), so that only what changed is read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from etl.model.address import INSTALL
from etl.model.errors import UserError
from etl.model.release import LINK_OUTSIDE, NO_FILE, NO_PATH
from etl.model.store import scratch_folder, write_text
from etl.read.source import report_changed, report_unreachable, show_address

if TYPE_CHECKING:
    from upath import UPath

Answer = TypeVar("Answer")
Hashes = dict[str, tuple[str, int]]  # path inside the release -> (MD5 or mark, size in bytes)

STATE = "objects.json"
SILENCE_S, ANSWER_S = 3.0, 30.0  # we wait for an answer without a word, and at all
BATCH_BYTES, BATCH_FILES = 64 << 20, 16  # held in memory, asked for at once
PIECE_BYTES = 8 << 20  # of a larger object, which is hashed as it comes
KEEP_EVERY_S = 10.0  # an interrupted hashing loses at most this much of its work
UNSETTLED_S = 3.0  # over ssh a file may change again within the second that its time states
_MARK_BY_TYPE = {"link": LINK_OUTSIDE, "unknown": NO_FILE, "other": NO_FILE}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Object:
    """What a listing says of an object. `version`: another content has another one."""

    key: str
    size_bytes: int
    version: str
    mark: str | None = None
    is_settled: bool = True


def wait_for_answer(ask: Callable[[], Answer], name: str) -> Answer:
    """Return the answer of a store, in bounded time.

    Raises:
        TimeoutError: it accepts and never answers, as a server that hangs does.
    """
    answers: Queue[Any] = Queue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:  # noqa: BLE001  raised where somebody waits
            answers.put((None, error))

    Thread(target=work, daemon=True).start()
    try:
        answer, error = answers.get(timeout=SILENCE_S)
    except Empty:
        _LOG.warning("waiting for an answer of %s (for %g s)", name, ANSWER_S)
        try:
            answer, error = answers.get(timeout=ANSWER_S - SILENCE_S)
        except Empty:
            message = f"no answer within {ANSWER_S:g} s"
            raise TimeoutError(message) from None
    if error is not None:
        raise error
    result: Answer = answer
    return result


def require_objects(release: UPath) -> None:
    """Refuse to go on where the store does not answer, or holds nothing there.

    Raises:
        UserError: with the reason and what to do.
    """
    try:
        is_there = wait_for_answer(lambda: release.fs.exists(release.path), show_address(release))
    except ImportError as error:
        message = f"{show_address(release)} cannot be opened ({error}). Run {INSTALL}."
        raise UserError(message) from error
    except Exception as error:  # each kind of store has errors of its own
        raise report_unreachable(show_address(release), error) from error
    if not is_there:
        raise _report_absent(release)


def _report_absent(release: UPath) -> UserError:
    return UserError(
        f"{show_address(release)}: no release here: no such bucket or folder, or it is empty. "
        "Correct `release:` in params.yaml, or copy the release there."
    )


def list_objects(release: UPath) -> dict[str, Object]:
    """Return path inside the release -> object; the empty objects that stand for folders left out.

    Raises:
        UserError: the store does not answer, or holds nothing there.
    """
    require_objects(release)
    try:
        release.fs.invalidate_cache()
        infos = release.fs.find(release.path, detail=True)
    except Exception as error:  # each kind of store has errors of its own
        raise report_unreachable(show_address(release), error) from error
    start = f"{release.path.rstrip('/')}/"
    now = time.time()
    objects = [
        _describe(key.removeprefix(start), info, now)
        for key, info in infos.items()
        if key.removeprefix(start) not in ("", key) and not (key.endswith("/") and not info["size"])
    ]
    if not objects:
        raise _report_absent(release)
    return {_show_key(item.key): item for item in objects}


def _describe(key: str, info: Mapping[str, Any], now: float) -> Object:
    is_path = {"", ".", ".."}.isdisjoint(key.split("/")) and "?versionId=" not in key
    mark = _MARK_BY_TYPE.get(str(info.get("type"))) if is_path else NO_PATH
    etag, modified = info.get("ETag"), info.get("mtime") or info.get("created") or now
    seconds = modified.timestamp() if isinstance(modified, datetime) else float(modified)
    return Object(
        key,
        int(info["size"] or 0),
        str(etag) if etag else repr(seconds),
        mark,
        is_settled=bool(etag) or now - seconds > UNSETTLED_S,
    )


def _show_key(key: str) -> str:
    """Return a key as a path that leads nowhere: what would is written as hex digits."""
    hidden = {"": r"\x2f", ".": r"\x2e", "..": r"\x2e\x2e"}
    return "/".join(hidden.get(part, part) for part in key.split("/"))


def hash_objects(root: Path, release: UPath, *, believe: bool = True) -> Hashes:
    """Return path inside the release -> (MD5, size in bytes); what cannot be read has a mark.

    Args:
        root: the project.
        release: where the objects are.
        believe: what was hashed before and has the same version is not read again.

    Raises:
        UserError: the store does not answer, or an object changed while it was hashed.
    """
    objects = list_objects(release)
    believed = _read_state(root, release) if believe else {}
    hashes = {
        path: believed[path][2]
        for path, item in objects.items()
        if path in believed and believed[path][:2] == (item.version, item.size_bytes)
    }
    new = [path for path, item in objects.items() if item.mark is None and path not in hashes]
    if new:
        n_bytes = sum(objects[path].size_bytes for path in new)
        address = show_address(release)
        _LOG.warning("reading %d objects of %s to hash them (%d bytes)", len(new), address, n_bytes)
    try:
        last = time.monotonic()
        for batch in _make_batches([(path, objects[path]) for path in new]):
            hashes |= _hash_batch(release, batch)
            if time.monotonic() - last > KEEP_EVERY_S:
                _write_state(root, release, objects, hashes)
                last = time.monotonic()
    finally:
        if new or believed.keys() - hashes.keys():
            _write_state(root, release, objects, hashes)
    return {
        path: (hashes[path], item.size_bytes) if item.mark is None else (item.mark, 0)
        for path, item in objects.items()
    }


def find_indexed_size(root: Path, release: UPath, path: str, md5: str) -> int | None:
    """Return the size of an object that had this MD5 when it was last indexed; None: it had not."""
    _, size, indexed_md5 = _read_state(root, release).get(path, ("", 0, ""))
    return size if indexed_md5 == md5 else None


def _make_batches(objects: Sequence[tuple[str, Object]]) -> Iterator[dict[str, Object]]:
    """Yield objects that fit into memory together; a large one is alone."""
    batch: dict[str, Object] = {}
    n_bytes = 0
    for path, item in objects:
        if batch and (len(batch) == BATCH_FILES or n_bytes + item.size_bytes > BATCH_BYTES):
            yield batch
            batch, n_bytes = {}, 0
        batch[path] = item
        n_bytes += item.size_bytes
    if batch:
        yield batch


def _hash_batch(release: UPath, batch: Mapping[str, Object]) -> dict[str, str]:
    hashes = {}
    for path, pieces in _bring(release, batch):
        digest, length = hashlib.md5(usedforsecurity=False), 0
        try:
            for piece in pieces:
                digest.update(piece)
                length += len(piece)
        except FileNotFoundError as error:
            raise report_changed(show_address(release, path), "it is gone") from error
        except Exception as error:  # each kind of store has errors of its own
            raise report_unreachable(show_address(release, path), error) from error
        if length != batch[path].size_bytes:
            raise report_changed(show_address(release, path), "its length is another one")
        hashes[path] = digest.hexdigest()
    return hashes


def _bring(release: UPath, batch: Mapping[str, Object]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the content of objects in pieces; small ones are asked for at once."""
    keys = {path: f"{release.path}/{item.key}" for path, item in batch.items()}
    # An empty object has no range of bytes. One byte more shows an object that has grown.
    ends = {path: item.size_bytes + 1 for path, item in batch.items() if item.size_bytes}
    if max(ends.values(), default=0) > BATCH_BYTES:
        yield from ((path, _read_pieces(release, key)) for path, key in keys.items())
        return
    starts = [0] * len(ends)
    asked = [keys[path] for path in ends]
    answers = release.fs.cat_ranges(asked, starts, [*ends.values()]) if ends else []
    contents = dict(zip(ends, answers, strict=True))
    yield from ((path, _give_content(contents.get(path, b""))) for path in keys)


def _give_content(answer: bytes | Exception) -> Iterator[bytes]:
    """Yield what was brought, or raise why it was not."""
    if isinstance(answer, Exception):
        raise answer
    yield answer


def _read_pieces(release: UPath, key: str) -> Iterator[bytes]:
    with release.fs.open(key, "rb", block_size=PIECE_BYTES) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _read_state(root: Path, release: UPath) -> dict[str, tuple[str, int, str]]:
    """Return path -> (version, size, MD5) as the last index had them; none of another release."""
    try:
        state = json.loads((scratch_folder(root) / STATE).read_bytes())
        if state["release"] != show_address(release):
            return {}
        return {path: (str(v), int(n), str(md5)) for path, (v, n, md5) in state["objects"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_state(
    root: Path, release: UPath, objects: Mapping[str, Object], hashes: Mapping[str, str]
) -> None:
    known = {
        path: (objects[path].version, objects[path].size_bytes, digest)
        for path, digest in hashes.items()
        if objects[path].is_settled
    }
    text = json.dumps({"release": show_address(release), "objects": known})
    write_text(scratch_folder(root) / STATE, text)
