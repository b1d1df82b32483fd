"""Persistent storage: the results folder, the record of all trials, and locks."""
