"""Notes on test rows that are equal to training rows, from what the record has of each run."""

from collections.abc import Sequence

from dlstudy.datasets.twins import Twins
from dlstudy.study.trial import TrialRecord

__all__ = ["twins_notes"]


def twins_notes(trials: Sequence[TrialRecord]) -> list[str]:
    """A note on the runs whose test rows have twins among their training rows; none where no run has.

    Of runs on several splits, of the split with the largest share of twins.
    """
    splits = {trial.result.twins for trial in trials if trial.result and trial.result.twins}
    worst = max(splits, key=_share, default=None)
    if worst is None or not worst.n_equal:
        return []
    where = "in some splits " if len(splits) > 1 else ""
    return [f"TWINS: {where}{worst}: to be right on these, a model need only remember the rows that it was trained on"]


def _share(twins: Twins) -> tuple[float, int]:
    return twins.n_equal / max(1, twins.n_test), twins.n_contrary
