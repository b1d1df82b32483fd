"""Where trials train: inline, or in long-lived worker processes."""
