"""Reports: one outline of tables and figures, rendered in several formats."""
