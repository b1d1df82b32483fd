"""What ends a run before everything is trained: its time is over, or too many trials fail in a row."""

import math
import time

from dlstudy.errors import DlstudyError
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["RunLimits"]


class RunLimits:
    """The limits of one run, and how close it is to them.

    `have_ended_it` is whether its time was over before everything was trained: whoever trains sets it.
    """

    def __init__(self, deadline_s: float = math.inf, failures: int | None = None) -> None:
        """Begins with nothing trained.

        Args:
            deadline_s: when its time is over, as `time.monotonic` counts.
            failures: how many consecutive failed trials end it; None for no limit.
        """
        self._deadline_s, self._failures = deadline_s, failures
        self._longest_s, self._n_failed = 0.0, 0
        self.have_ended_it = False

    @property
    def are_reached(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline_s

    @property
    def leave_time(self) -> bool:
        """Whether a trial that begins now should end in time: one as long as the longest so far would."""
        return time.monotonic() + self._longest_s < self._deadline_s

    def note(self, trial: TrialRecord) -> None:
        """Takes notice of a trial that has ended.

        Raises:
            DlstudyError: it is the last of too many in a row that failed.
        """
        result = trial.result
        self._longest_s = max(self._longest_s, result.cost.get("seconds", 0.0) if result else 0.0)
        has_failed = trial.state in (TrialState.FAILED, TrialState.LOST)
        self._n_failed = self._n_failed + 1 if has_failed else 0
        if has_failed and self._n_failed == self._failures:
            raise DlstudyError(
                f"{self._n_failed} trials in a row failed, the last: {result.reason if result else ''}: correct that, "
                "then run the same command again; --failures allows more"
            )
