"""dlstudy: know whether a deep-learning claim is true.

What a study file needs is here: `Study`, `Data`, `Arm`, `Protocol`, `Constraint`, `Objective`, `Split`, `Sweep`,
`Reported`, `Derived` and `Claim`. For scripts and notebooks there are `run`, `plan` and `check`, which do what the
commands of these names do, and `load`, which gives a study's results. They are loaded when first asked for, so that the
command line starts fast. `dlstudy.toolkit` has helpers for a study's own code.
"""

from typing import TYPE_CHECKING

from dlstudy.common.version import __version__

if TYPE_CHECKING:
    from dlstudy.api.calls import check, plan, run
    from dlstudy.datasets.data import Data
    from dlstudy.report.notebook import load
    from dlstudy.study.claims import Claim, Derived, Reported
    from dlstudy.study.constraints import Constraint
    from dlstudy.study.objectives import Objective
    from dlstudy.study.protocol import Protocol, Sweep
    from dlstudy.study.split import Split
    from dlstudy.study.study import Arm, Study

__all__ = [
    "Arm",
    "Claim",
    "Constraint",
    "Data",
    "Derived",
    "Objective",
    "Protocol",
    "Reported",
    "Split",
    "Study",
    "Sweep",
    "__version__",
    "check",
    "load",
    "plan",
    "run",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dlstudy' has no attribute {name!r}")
    if name == "load":
        from dlstudy.report.notebook import load

        return load
    if name in ("check", "plan", "run"):
        from dlstudy.api import calls

        return getattr(calls, name)
    from dlstudy.study import study  # which holds them all, as a study is made of them

    return getattr(study, name)
