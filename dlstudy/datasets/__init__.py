"""Data sets by name: where their bytes come from, and the checksum that they must have."""
