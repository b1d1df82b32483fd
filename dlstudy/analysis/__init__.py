"""From trials to verdicts: what the runs of a study show, with intervals; pure functions over the record."""
