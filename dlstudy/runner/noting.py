"""What a run notes in the record of its study as a whole: the plan, before the first result, and each look at results.

A look is noted before the next trainings begin, and not when the run ends that gave its results: that one may be
killed. In between nothing is trained, so the two see the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dlstudy.analysis.deviations import claim_json
from dlstudy.errors import RecordError
from dlstudy.store.notes import Look, Notes, note_look, note_plan, read_notes
from dlstudy.store.record import Record
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import TrialRecord

__all__ = ["RunNotes"]

Plan = Mapping[str, Any]
"""As `analysis.registration.plan_of` gives it. Any: JSON."""


class RunNotes:
    """What one run notes of its study."""

    def __init__(self, record: Record, study: ResolvedStudy, plan: Plan, *, is_registered: bool) -> None:
        """Notes nothing yet.

        Args:
            record: of the study.
            study: as the run has it.
            plan: its plan, or the registered one.
            is_registered: which of them.
        """
        self._record, self._study, self._plan, self._is_registered = record, study, plan, is_registered
        self._is_planned = False

    def past(self, trials: Sequence[TrialRecord], *, goes_on: bool, now_s: float) -> None:
        """Notes what can have been looked at before this run, and claims that are new since then.

        Args:
            trials: all that the record has of the study.
            goes_on: whether the run will train something.
            now_s: Unix seconds.

        Raises:
            RecordError: the plan was registered, and there are results of another.
        """
        study, results = self._study, [trial for trial in trials if trial.phase is not Phase.SEARCH]
        if not results:
            return
        notes = read_notes(self._record, study.name, study.variant)
        if self._is_registered and (notes.plan is None or notes.plan["digest"] != self._plan["digest"]):
            raise RecordError(
                f"{study.name} has results from before the plan of --registered was noted: leave it out, or begin a "
                "new generation with --fresh"
            )
        now_s = round(now_s, 3)
        if notes.plan is None:
            note_plan(self._record, study.name, study.variant, self._plan, now_s)
            notes = Notes(self._plan, now_s)
        self._is_planned = True
        new = [claim for claim in map(claim_json, study.claims) if claim not in notes.claims]
        last_s = notes.looks[-1].at_s if notes.looks else 0.0
        is_unseen = any((trial.ended_s or 0.0) > last_s for trial in results if trial.state.is_final)
        if new or (goes_on and is_unseen):
            note_look(self._record, study.name, study.variant, Look(now_s, new))

    def before(self, phase: Phase, now_s: float) -> None:
        """Notes the plan before the first trial that claims are judged by, where none was there before this run."""
        if phase is Phase.SEARCH or self._is_planned:
            return
        note_plan(self._record, self._study.name, self._study.variant, self._plan, round(now_s, 3))
        self._is_planned = True
