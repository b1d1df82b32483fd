"""Data sets by name, with the sources of their files and the checksums of their arrays."""
