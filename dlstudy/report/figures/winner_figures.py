"""The figures of a study's winners: those of their predictions, and those that the study drew."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlstudy.analysis.results import StudySummary
from dlstudy.store.home import Home
from dlstudy.study.trial import figures_beside

__all__ = ["WinnerFigure", "winner_figures"]


@dataclass(frozen=True)
class WinnerFigure:
    """A PNG file with its title, and the arm whose winner it shows."""

    arm: str
    title: str
    path: Path


def winner_figures(summary: StudySummary, home: Home) -> Sequence[WinnerFigure]:
    """The figures of the current winners, in the order of the arms; a figure that several arms share comes once."""
    kept, found, seen = summary.kept_models(), [], set[bytes]()
    for trial in (kept[arm.name] for arm in summary.arms if arm.name in kept):
        folder = figures_beside(home.model(summary.study, summary.variant, trial.arm, trial.setting_key))
        for path in sorted(folder.glob("*.png")):
            content = path.read_bytes()
            if content not in seen:
                found.append(WinnerFigure(trial.arm, path.stem, path))
                seen.add(content)
    return found
