"""Speed against the ways people do this today, and against what the machine could do."""
