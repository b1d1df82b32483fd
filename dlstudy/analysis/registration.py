"""The plan of a study, as it is registered before its test rows are read: claims, protocol, and how they are judged."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dlstudy.analysis.deviations import claim_json
from dlstudy.analysis.sequential import FIRST_SHARE, MOST_STAGES
from dlstudy.analysis.summary import protocol_json
from dlstudy.common.text import short_repr
from dlstudy.common.version import __version__
from dlstudy.errors import UsageError
from dlstudy.study.claims import SIGNIFICANCE
from dlstudy.study.request import ResolvedStudy

__all__ = ["plan_of", "read_plan"]

Plan = dict[str, Any]  # Any: JSON


def plan_of(study: ResolvedStudy) -> Plan:
    """The plan of a study as a request runs it, with a digest of all of it."""
    plan = {
        "study": study.name,
        "variant": str(study.variant.of_generation(1)),
        "question": study.question,
        "claims": [claim_json(claim) for claim in study.claims],
        "protocol": protocol_json(study),
        "analysis": {
            "dlstudy": __version__,
            "significance": SIGNIFICANCE,
            "first_share": FIRST_SHARE,
            "most_stages": MOST_STAGES,
        },
    }
    plan = json.loads(json.dumps(plan))  # as it will be read
    return {**plan, "digest": _digest(plan)}


def read_plan(path: Path, study: ResolvedStudy) -> Plan:
    """The plan of a study that `dlstudy register` wrote.

    Raises:
        UsageError: the file cannot be read, was changed, or is of another study or variant.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        digest = plan.pop("digest")
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"--registered takes a file of `dlstudy register`, got {short_repr(str(path))}: {error}"
        ) from error
    if digest != _digest(plan):
        raise UsageError(f"{path} was changed after `dlstudy register` wrote it: restore it")
    for name, mine in (("study", study.name), ("variant", str(study.variant.of_generation(1)))):
        if plan.get(name) != mine:
            raise UsageError(f"{path} is the plan of {name} {plan.get(name)!r}, got {mine!r}: give the plan of that")
    return {**plan, "digest": digest}


def _digest(plan: Plan) -> str:
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
