"""diabetes: 442 patients, ten measurements and the progress of their disease; comes with scikit-learn."""

import numpy as np

from dlstudy.datasets.dataset import Arrays, Description, undivided
from dlstudy.datasets.sources import Definition, Source

__all__ = ["DIABETES"]


def _sources() -> tuple[Source, ...]:
    return (Source("the copy inside scikit-learn", _read_bundled),)


def _read_bundled() -> Arrays:
    """The unscaled measurements: scikit-learn's default scales each column over all rows, test rows too."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    return undivided(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))


DIABETES = Definition(
    description=Description(
        name="diabetes",
        title="Progress of diabetes after one year",
        task="regression",
        input_shape=(10,),
        n_classes=0,
        label_names=(),
        n_train=442,
        n_test=0,
        units="age in years, sex 1 or 2, body mass index, mean blood pressure, six blood serum measurements",
        scale=1.0,
        source=(
            "Efron, Hastie, Johnstone, Tibshirani 2004, Least angle regression, Annals of Statistics 32(2), as "
            "scikit-learn's load_diabetes(scaled=False) gives it"
        ),
        licence="none stated; published with the paper",
        sha256="9b9b02b79e3117deaa7baf945ca9c97fb9d78b3b1064b9ee47002b2e87de9a2b",
        feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        target_name="progress of the disease one year later (a score from 25 to 346)",
    ),
    sources=_sources,
    remedy="install a scikit-learn whose load_diabetes gives the 442 patients",
    bundled=True,
)
