"""The training of one trial, from its spec and arrays to its result; nothing else calls `fit`."""
