"""One trial, from a spec and arrays to a result: the only callers of `fit`."""
