"""What the record notes of a variant as a whole: its plan, when its test rows were looked at, how far its run is.

They are attributes of an Optuna study without trials, `STUDY/VARIANT/notes`. A record of an earlier version has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from dlstudy.store.integrity import legible
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant

__all__ = [
    "GROWS",
    "Look",
    "Notes",
    "attributes_of",
    "note_look",
    "note_name",
    "note_plan",
    "note_run",
    "noted_run",
    "read_notes",
    "set_attribute",
]

GROWS = ("seeds", "searches", "reported_seeds")
"""What of a protocol may grow once there are results: each stage is a look, which is paid for."""

Claims = Sequence[Mapping[str, Any]]
"""Claims in JSON. Any: JSON."""


@dataclass(frozen=True)
class Look:
    """A moment at which results on test rows could be read: the end of a run that had some.

    Args:
        at_s: Unix seconds. It saw what had ended by then.
        claims: those of the study that had not been noted before.
    """

    at_s: float
    claims: Claims = ()


@dataclass(frozen=True)
class Notes:
    """The notes of a variant.

    Args:
        plan: as it was before the first trial that reads test rows; None where there is no note of it.
        planned_s: when it was noted, Unix seconds.
        looks: in their order.
        begun_as: the name that the study had when it was begun; empty for its own.
    """

    plan: Mapping[str, Any] | None = None  # Any: JSON
    planned_s: float = 0.0
    looks: Sequence[Look] = ()
    begun_as: str = ""

    @property
    def claims(self) -> Claims:
        """All claims that were noted, those of the plan first."""
        planned = self.plan["claims"] if self.plan else []
        return [*planned, *(claim for look in self.looks for claim in look.claims)]

    @property
    def summary(self) -> dict[str, Any]:  # Any: JSON
        """The digest of the plan, and when it was noted; empty without a plan."""
        return {"digest": self.plan["digest"], "planned_s": self.planned_s} if self.plan else {}

    @property
    def planned(self) -> dict[str, Any]:  # Any: fields of a protocol have different types
        """The numbers of the planned protocol that may grow; empty without a plan."""
        return {name: self.plan["protocol"][name] for name in GROWS} if self.plan else {}


@legible
def read_notes(record: Record, study: str, variant: Variant) -> Notes:
    """The notes of a variant; empty where there are none."""
    kept = attributes_of(record, study, variant)
    looks = [Look(look["at_s"], look["claims"]) for look in kept.get("looks", [])]
    return Notes(kept.get("plan"), kept.get("planned_s", 0.0), looks, kept.get("begun_as", ""))


def note_plan(record: Record, study: str, variant: Variant, plan: Mapping[str, Any], now_s: float) -> None:
    """Notes the plan of a variant. Hold the study's lock."""
    set_attribute(record, study, variant, "planned_s", now_s)
    set_attribute(record, study, variant, "plan", dict(plan))


def note_look(record: Record, study: str, variant: Variant, look: Look) -> None:
    """Notes one more look at a variant. Hold the study's lock."""
    noted = {"at_s": look.at_s, "claims": [dict(claim) for claim in look.claims]}
    known = attributes_of(record, study, variant).get("looks", [])
    set_attribute(record, study, variant, "looks", [*known, noted])


def note_name(record: Record, study: str, variant: Variant, begun_as: str) -> None:
    """Notes the name that a variant was begun under. Hold the study's lock."""
    set_attribute(record, study, variant, "begun_as", begun_as)


def note_run(record: Record, study: str, variant: Variant, state: Mapping[str, Any]) -> None:  # Any: JSON
    """Notes how far the run of a variant is. Hold the study's lock."""
    set_attribute(record, study, variant, "run", dict(state))


def noted_run(record: Record, study: str) -> Mapping[str, Any] | None:  # Any: JSON
    """The newest note of how far a run of a study is; None without one."""
    found: list[Mapping[str, Any]] = []
    for variant in [variant for generations in record.variants(study).values() for variant in generations]:
        found += filter(None, [attributes_of(record, study, variant).get("run")])
    return max(found, key=lambda state: float(state["at_s"]), default=None)


def attributes_of(record: Record, study: str, variant: Variant) -> Mapping[str, Any]:  # Any: JSON
    """All that is noted of a variant, by name."""
    try:
        study_id = record.storage.get_study_id_from_name(_name(study, variant))
    except KeyError:
        return {}
    found: Mapping[str, Any] = record.storage.get_study_user_attrs(study_id)
    return found


def set_attribute(record: Record, study: str, variant: Variant, name: str, value: Any) -> None:  # Any: JSON
    """Notes something of a variant. Hold the study's lock."""
    record.guard()
    kept = optuna.create_study(storage=record.storage, study_name=_name(study, variant), load_if_exists=True)
    kept.set_user_attr(name, value)


def _name(study: str, variant: Variant) -> str:
    return f"{study}/{variant}/notes"
