"""How a study differs from its plan, as the record noted that before there were results."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dlstudy.analysis.results import ClaimSummary
from dlstudy.common.text import short_repr
from dlstudy.store.notes import GROWS, Notes
from dlstudy.study.claims import Claim

__all__ = ["changed_results", "claim_json", "deviations_of", "dropped_claims", "marks_of_claims", "title_of"]


def claim_json(claim: Claim) -> dict[str, Any]:  # Any: JSON
    """A claim as the record notes it, with all that decides its verdict."""
    own = {item.name: getattr(claim, item.name) for item in dataclasses.fields(claim)}
    return {**own, "than": list(claim.than), "at": dict(claim.at)}


def marks_of_claims(notes: Notes, claims: Sequence[Claim], is_late: bool, changed: Collection[str] = ()) -> list[str]:
    """For each claim how it differs from the plan; empty where it does not, or where there is no plan.

    Args:
        notes: of the variant.
        claims: of the study as it is now.
        is_late: whether the plan was noted after there were results.
        changed: the arms from elsewhere whose results are others than in the plan.
    """
    if notes.plan is None:
        return ["" for _ in claims]
    marks = [_mark(notes.plan["claims"], claim_json(claim), is_late) for claim in claims]
    other = "compares with other results from elsewhere than in the plan"
    return [
        mark or (other if {claim.better, *claim.than} & set(changed) else "")
        for claim, mark in zip(claims, marks, strict=True)
    ]


def dropped_claims(notes: Notes, claims: Sequence[Claim]) -> list[str]:
    """The texts of the claims that were noted, could be tested, and are no longer asked by the study.

    They count in the family as claims with p = 1: dropping what failed must make no other claim easier to support.
    """
    asked = [_comparison(claim_json(claim)) for claim in claims]
    gone = [claim for claim in notes.claims if _comparison(claim) not in asked]
    return list(dict.fromkeys(claim["text"] for claim in gone if not claim["untestable"] and not claim["aa_test"]))


def deviations_of(notes: Notes, claims: Sequence[Claim], protocol: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """What else differs from the plan, a sentence each; none where there is no plan.

    Args:
        notes: of the variant.
        claims: of the study as it is now.
        protocol: as the runs have it, in JSON.
    """
    if notes.plan is None:
        return []
    planned = notes.plan["protocol"]
    changed = [
        f"PLAN: {name} is {short_repr(protocol[name])}, the plan has {short_repr(planned[name])}"
        for name in protocol
        if name in planned and name not in (*GROWS, "elsewhere") and planned[name] != protocol[name]
    ]
    changed += [
        f"PLAN: the results of {arm} from elsewhere are others than in the plan"
        for arm in changed_results(notes, protocol.get("elsewhere", {}))
    ]
    dropped = dropped_claims(notes, claims)
    return changed + [
        f"PLAN: a claim was dropped, and counts among all claims as one with p = 1: {text}" for text in dropped
    ]


def changed_results(notes: Notes, elsewhere: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """The arms from elsewhere whose results are others than in the plan; none where there is no plan.

    Args:
        notes: of the variant.
        elsewhere: the results of each arm as they are now, as a plan has them.
    """
    planned = {} if notes.plan is None else notes.plan["protocol"].get("elsewhere", {})
    return [arm for arm, results in elsewhere.items() if planned.get(arm, results) != results]


def title_of(claim: ClaimSummary) -> str:
    """A claim as reports show it: its text, with how it differs from the plan."""
    return f"{claim.text} ({claim.deviation})" if claim.deviation else claim.text


def _mark(planned: Sequence[Mapping[str, Any]], claim: Mapping[str, Any], is_late: bool) -> str:  # Any: JSON
    if claim in planned:
        return "recorded after results were there" if is_late else ""
    same = [other for other in planned if _comparison(other) == _comparison(claim)]
    if same:
        return f"reworded after the plan, which has {same[0]['text']!r}"
    changed = any(other["text"] == claim["text"] for other in planned)
    return "compares something else than in the plan" if changed else "added after the plan"


def _comparison(claim: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """What a claim compares, whatever its words."""
    return {name: value for name, value in claim.items() if name != "text"}
