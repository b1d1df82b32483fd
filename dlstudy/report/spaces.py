"""The search spaces of a summary, as Optuna's distributions."""

import json
from collections.abc import Mapping

from optuna.distributions import BaseDistribution, json_to_distribution

from dlstudy.analysis.results import StudySummary

__all__ = ["spaces"]


def spaces(summary: StudySummary) -> dict[str, dict[str, BaseDistribution]]:
    """The search space of each arm: arm to name to distribution."""
    stored: Mapping[str, Mapping[str, object]] = summary.protocol["spaces"]
    return {
        arm: {name: json_to_distribution(json.dumps(distribution)) for name, distribution in space.items()}
        for arm, space in stored.items()
    }
