"""What people look at: one outline of tables and figures, rendered in several formats."""
