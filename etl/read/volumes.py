"""The volumes of a case, so that its tables read each blob once."""

from __future__ import annotations

import pyarrow as pa

from etl.read.nifti import Volume, read_volume
from etl.read.source import Source

# Holds the six images and three masks of most cases.
BUDGET_BYTES = 256 << 20


class VolumeCache:
    """Volumes by file, as long as all fit a budget; of a case that is larger nothing is held."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        """Hold nothing yet."""
        self._budget_bytes = budget_bytes
        self._free_bytes = budget_bytes
        self._volumes: dict[Source, Volume] = {}

    def read(self, source: Source) -> Volume:
        """Return a blob's volume; its voxels cannot be written.

        Raises:
            BadInputError: as read_volume().
        """
        if source in self._volumes:
            return self._volumes[source]
        if self._free_bytes < 0:
            pa.system_memory_pool().release_unused()  # the C library holds what was freed
        volume = read_volume(source)
        volume.voxels.flags.writeable = False
        self._free_bytes -= volume.voxels.nbytes
        if self._free_bytes >= 0:
            self._volumes[source] = volume
        else:
            self._volumes.clear()
        return volume

    def forget(self) -> None:
        """Hold nothing any more, and begin anew."""
        self._volumes.clear()
        self._free_bytes = self._budget_bytes


VOLUMES = VolumeCache()  # of this process: a worker has one case at a time
