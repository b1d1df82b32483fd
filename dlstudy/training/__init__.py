"""One trial, from its spec and arrays to its result: the only callers of `fit`."""
