"""The tables of a report, as plain text cells."""
