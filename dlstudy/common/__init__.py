"""Utilities of all packages: text, processes, provenance and the version."""
