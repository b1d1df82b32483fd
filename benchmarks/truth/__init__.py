"""Whether the tool's answers are true: simulated studies whose truth is known, through the tool's own functions."""
