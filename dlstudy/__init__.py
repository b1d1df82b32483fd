"""dlstudy: know whether a deep-learning claim is true.

What a study file needs is here: `Study`, `Arm`, `Protocol`, `Split`, `Printed` and `Claim`. They are loaded when first
asked for, so that the command line starts fast.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlstudy.study import Arm, Claim, Printed, Protocol, Split, Study

__all__ = ["Arm", "Claim", "Printed", "Protocol", "Split", "Study", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dlstudy' has no attribute {name!r}")
    from dlstudy import study

    return getattr(study, name)
