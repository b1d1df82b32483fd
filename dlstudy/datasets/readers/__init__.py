"""Readers of users' own rows: each returns the fields of a `Data` from files, a folder or a library's collection."""
