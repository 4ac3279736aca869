"""Where a release is: a folder of the project, or an address that fsspec opens (s3://, ssh://)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from etl.model.errors import UserError

if TYPE_CHECKING:
    from upath import UPath

    Folder = Path | UPath

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
# So that nobody waits for ever; fsspec's own five attempts stand around the two of S3.
_PATIENCE: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"retries": {"total_max_attempts": 2}}},
    "ssh": {"connect_timeout": 10, "login_timeout": 20, "keepalive_interval": 15},
}
INSTALL = "pip install universal-pathlib dvc-s3 (ssh:// takes dvc-ssh)"


def is_address(text: str) -> bool:
    """Return whether a release is named by an address rather than by a folder."""
    return _SCHEME.match(text) is not None


def normalize_name(text: str) -> str:
    """Return a release's name as messages and DVC's files spell it."""
    return text.rstrip("/") if is_address(text) else PurePosixPath(text).as_posix()


def open_address(address: str) -> UPath:
    """Return the folder at an address; nothing is asked of it yet, and it can be pickled.

    Credentials and endpoint are those of the store's own tools: AWS_* and ~/.aws, ~/.ssh/config.

    Raises:
        UserError: an address that holds a password, names no place, or that nothing here opens.
    """
    parts = urlsplit(address)
    if parts.password is not None:
        message = (
            f"params.yaml: the address of the release at {parts.hostname} holds a password, and git"
            " would keep it. Take it out; ~/.aws, ~/.ssh/config or the environment are for it."
        )
        raise UserError(message)
    try:
        from upath import UPath

        folder: UPath = UPath(address.rstrip("/"), **_PATIENCE.get(parts.scheme, {}))
    except (ImportError, ValueError) as error:
        message = f"{address}: this address cannot be opened ({error}). Correct it, or {INSTALL}."
        raise UserError(message) from error
    return folder
