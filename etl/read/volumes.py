"""The volumes that were read last, so that the tables of a case read each blob once."""

from __future__ import annotations

from pathlib import Path

from etl.read.nifti import Volume, read_volume

# Holds the six images and three masks of most cases. Of a larger case, those that were read last.
BUDGET_BYTES = 256 << 20


class VolumeCache:
    """Volumes by path, the last used last, as many as a budget in bytes holds."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        """Hold nothing yet."""
        self._budget_bytes = budget_bytes
        self._volumes: dict[Path, Volume] = {}

    def read(self, path: Path) -> Volume:
        """Return a blob's volume; its voxels cannot be written.

        Raises:
            BadInputError: as read_volume().
        """
        volume = self._volumes.pop(path, None) or read_volume(path)
        volume.voxels.flags.writeable = False
        self._volumes[path] = volume
        n_bytes = sum(held.voxels.nbytes for held in self._volumes.values())
        while n_bytes > self._budget_bytes:
            n_bytes -= self._volumes.pop(next(iter(self._volumes))).voxels.nbytes
        return volume

    def forget(self) -> None:
        """Hold nothing any more."""
        self._volumes.clear()


VOLUMES = VolumeCache()  # of this process: a worker has one case at a time
