"""A synthetic release in the exact form of the real one, and the truth about it.

It shares no code with `etl.measure`: the truth comes from the implicit functions and the
quadrature of this package, so that agreement between the two is evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.phantom.build import make

__all__ = ["make"]


def __getattr__(name: str) -> object:
    # Lazy: NIfTI, spreadsheets and Parquet are loaded only by those who make a phantom.
    if name == "make":
        from etl.phantom.build import make

        return make
    message = f"module 'etl.phantom' has no attribute {name!r}"
    raise AttributeError(message)
