"""dlstudy: know whether a deep-learning claim is true.

What a study file needs is here: `Study`, `Data`, `Arm`, `Protocol`, `Split`, `Sweep`, `Reported`, `Derived` and
`Claim`; and `load`, which gives a notebook a study's results. They are loaded when first asked for, so that the command
line starts fast. `dlstudy.toolkit` has helpers for a study's own code.
"""

from typing import TYPE_CHECKING

from dlstudy.common.version import __version__

if TYPE_CHECKING:
    from dlstudy.datasets.data import Data
    from dlstudy.report.notebook import load
    from dlstudy.study.claims import Claim, Derived, Reported
    from dlstudy.study.protocol import Protocol, Sweep
    from dlstudy.study.split import Split
    from dlstudy.study.study import Arm, Study

__all__ = ["Arm", "Claim", "Data", "Derived", "Protocol", "Reported", "Split", "Study", "Sweep", "__version__", "load"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dlstudy' has no attribute {name!r}")
    if name == "load":
        from dlstudy.report.notebook import load

        return load
    from dlstudy.study import study  # which holds them all, as a study is made of them

    return getattr(study, name)
