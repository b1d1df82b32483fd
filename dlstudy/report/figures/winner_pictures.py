"""The pictures that a study drew of its winners."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlstudy.analysis.results import StudySummary
from dlstudy.store.home import Home
from dlstudy.study.trial import pictures_beside

__all__ = ["Picture", "pictures_of"]


@dataclass(frozen=True)
class Picture:
    """A PNG file with its title, and the arm whose winner it shows."""

    arm: str
    title: str
    path: Path


def pictures_of(summary: StudySummary, home: Home) -> Sequence[Picture]:
    """The pictures of the current winners, in the order of the arms; those that are equal for all arms once."""
    found, seen = [], set[bytes]()
    for arm in summary.arms:
        if arm.best is None:
            continue
        folder = pictures_beside(home.model(summary.study, summary.variant, arm.name, arm.best.setting_key))
        for path in sorted(folder.glob("*.png")):
            content = path.read_bytes()
            if content not in seen:
                found.append(Picture(arm.name, path.stem, path))
                seen.add(content)
    return found
