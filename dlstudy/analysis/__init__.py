"""Analysis of a study's trials, up to intervals and verdicts: pure functions of the record."""
