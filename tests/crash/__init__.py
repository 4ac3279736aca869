"""Kill, fill, forbid, race and corrupt: the old version or the new one is whole, never a part."""
