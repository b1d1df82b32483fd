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

__all__ = ["PlanNote", "note_past"]

Plan = Mapping[str, Any]
"""As `analysis.registration.plan_of` gives it. Any: JSON."""


class PlanNote:
    """The plan of a study, to be noted once before the first trial that its claims are judged by."""

    def __init__(self, record: Record, study: ResolvedStudy, plan: Plan) -> None:
        self._record, self._study, self._plan = record, study, plan
        self._is_noted = False

    def before(self, phase: Phase, now_s: float) -> None:
        """Notes the plan, if a trial of this phase is judged and it has not been noted yet."""
        if phase is Phase.SEARCH or self._is_noted:
            return
        name, variant = self._study.name, self._study.variant
        if not _judged(self._record.trials(name, variant)):
            note_plan(self._record, name, variant, self._plan, round(now_s, 3))
        self._is_noted = True


def note_past(
    record: Record, study: ResolvedStudy, plan: Plan, *, is_registered: bool, goes_on: bool, now_s: float
) -> None:
    """Notes what can have been looked at before this run, and claims that are new since then.

    Args:
        record: of the study.
        study: as the run has it.
        plan: its plan, or the registered one.
        is_registered: which of them.
        goes_on: whether the run will train something.
        now_s: Unix seconds.

    Raises:
        RecordError: the plan was registered, and there are results of another.
    """
    notes, results = read_notes(record, study.name, study.variant), _judged(record.trials(study.name, study.variant))
    if not results:
        return
    if is_registered and (notes.plan is None or notes.plan["digest"] != plan["digest"]):
        raise RecordError(
            f"{study.name} has results from before the plan of --registered was noted: leave it out, or begin a new "
            "generation with --fresh"
        )
    now_s = round(now_s, 3)
    if notes.plan is None:
        note_plan(record, study.name, study.variant, plan, now_s)
        notes = Notes(plan, now_s)
    new = [claim for claim in map(claim_json, study.claims) if claim not in notes.claims]
    last_s = notes.looks[-1].at_s if notes.looks else 0.0
    is_unseen = any((trial.ended_s or 0.0) > last_s for trial in results if trial.state.is_final)
    if new or (goes_on and is_unseen):
        note_look(record, study.name, study.variant, Look(now_s, new))


def _judged(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that claims are judged by."""
    return [trial for trial in trials if trial.phase is not Phase.SEARCH]
