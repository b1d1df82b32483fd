"""Persistent storage: the home folder, the record of all trials, and locks."""
