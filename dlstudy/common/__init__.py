"""What every package may use: text, processes, provenance and the version."""
