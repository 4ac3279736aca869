"""The release and its tables in the form of other tools; each has a module that writes its form."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from etl.exchange.target import Exported, Options
from etl.model.errors import UserError
from etl.model.store import require_tables

# Tool -> the options that it takes. Its module has `export(root, target, options)`.
TOOLS: Final = {
    "nnunet": ("images", "masks", "copy", "sound"),
    "monai": ("images", "masks", "copy", "sound"),
    "croissant": (),
    "rocrate": (),
    "seg": ("masks", "dicom", "sound"),
}


def export_for(tool: str, root: Path, target: Path, options: Options) -> Exported:
    """Write the form of a tool into a folder; return what was written, and what to say of it.

    Raises:
        UserError: an unknown tool, an option that it does not take, a package that is not
            installed, the folder holds something or is the project's, or nothing is built.
    """
    if tool not in TOOLS:
        message = f"--for {tool}: expected {', '.join(TOOLS)}."
        raise UserError(message)
    for option in sorted(options.stated - set(TOOLS[tool])):
        message = f"--{option}: --for {tool} does not take it. Leave it out."
        raise UserError(message)
    require_tables(root)
    exported: Exported = import_module(f"etl.exchange.{tool}").export(root, target, options)
    return exported
