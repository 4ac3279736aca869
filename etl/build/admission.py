"""Whether a process of another machine may measure for this build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.build.index import list_tables
from etl.build.recipe import describe_process, list_libraries
from etl.model.release import MARKS
from etl.tables.unit import Blob, Context


def describe_builder(context: Context) -> dict[str, str]:
    """Return what values follow from here: a digest of the code, and versions, by name."""
    modules = [f"etl.tables.{name}" for name in list_tables()]
    return describe_process(list_libraries(context.root, modules))


def find_fault(expected: Mapping[str, str], context: Context, blobs: Sequence[Blob]) -> str:
    """Return why this process may not measure, as the rest of a sentence; nothing if it may.

    Args:
        expected: describe_builder() of the builder.
        context: of the build.
        blobs: some that must be here.
    """
    versions = describe_process(expected.keys() - {"ispy1", "Python"})
    differing = [
        f"{n} {versions[n]}, here {text}" for n, text in expected.items() if versions[n] != text
    ]
    if differing:
        return (
            f"runs another version ({'; '.join(differing)}). Start it anew from the same checkout "
            "and the same packages."
        )
    for blob in blobs:
        path = context.release / blob.path
        try:
            is_same = path.stat().st_size == blob.size_bytes
        except Exception as error:  # noqa: BLE001  each kind of store has errors of its own
            return f"cannot see the blobs ({path}: {error}). It must be there."
        if not is_same:
            return f"sees another release ({path} has another size)."
    return ""


def list_samples(units: Sequence[Sequence[Blob]]) -> list[Blob]:
    """Return blobs by which a worker can tell whether it sees the release: those of one unit."""
    cases = [unit for unit in units if all(blob.md5 not in MARKS for blob in unit)]
    return list(cases[-1]) if cases else []
