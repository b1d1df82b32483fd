"""From results to something to read: one source of facts, several faces."""
