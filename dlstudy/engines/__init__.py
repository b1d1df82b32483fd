"""Where trials train: inline, in long-lived worker processes, or on the nodes of a Ray cluster."""
