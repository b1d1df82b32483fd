"""Which loss resists outliers: the absolute error, the squared error, Huber's loss or the pseudo-Huber loss?

Linear regression by gradient descent; the arms differ in nothing but the loss. A tenth of the training rows are
outliers: ten standard deviations are added to their target. The seed decides which rows, the same for every arm.
Validation and test rows are left as they are, so every arm is judged on clean rows and by the same measure, the squared
error. Rates are tuned for each arm, since the gradients of the losses differ in size. A sweep goes from no outliers to
30 %, at one rate that is small enough for all and with steps enough for all.

Inputs and target are standardized by the training rows before anything is added, so a delta is in standard deviations
of the target: the course's 0.1, 1 and 10 for Huber, 0.2, 1 and 5 for pseudo-Huber. The figures show these losses and
those of classes as functions.

Source: the course's chapter on loss functions; Huber 1964; formulas and their papers in dlstudy.scratch.losses.
"""

from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Split, Study, Sweep
from dlstudy.scratch.losses import sum_of_absolute_errors, sum_of_squared_errors
from dlstudy.toolkit import standardize

RATE = {"learning_rate": FloatDistribution(1e-2, 1, log=True)}
OUTLIERS = 0.1
SIZE = 10.0

EXAMPLE = np.full(10_000, 100.0), np.arange(-10_000.0, 10_000.0, 2.0)
"""The course's: actual values and predictions."""


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """Inputs and target standardized by the training rows, and then a share of the training targets disturbed."""
    x, y = standardize(x.reshape(len(x), -1), train), standardize(y, train)
    n_outliers = round(p.get("outliers", OUTLIERS) * len(train))
    y[np.random.default_rng(p["seed"]).choice(train, n_outliers, replace=False)] += SIZE
    return x, y


def build(p: dict[str, Any]) -> Any:
    """Linear regression with the loss of p."""
    from dlstudy.scratch.descent import GradientDescentRegressor

    given = {name: p[name] for name in ("learning_rate", "loss", "delta")}
    return GradientDescentRegressor(n_epochs=p["epochs"], **given)


def figures(*_: Any) -> dict[str, Any]:
    """The losses as functions: of an error, and of what a classifier says."""
    from dlstudy.scratch.figures import losses_of_classes, losses_of_numbers

    return {"Losses of numbers": losses_of_numbers(), "Losses of classes": losses_of_classes()}


def arm(name: str, loss: str, text: str, delta: float = 1.0) -> Arm:
    """An arm that trains with a loss."""
    return Arm(name, {"loss": loss, "delta": delta}, RATE, text=text)


SENSITIVE = "With outliers the MSE is dominated by them"
SMOOTH = "The pseudo-Huber loss is a smooth Huber loss"
SWEEP = {"metric": "val_mse", "phase": "sweep", "sweep": "outliers"}

STUDY = Study(
    question="Which loss resists outliers: the absolute error, the squared error, Huber's or the pseudo-Huber loss?",
    dataset="diabetes",
    other_datasets=["advertising", "stocks"],
    build=build,
    prepare=prepare,
    figures=figures,
    arms=[
        arm("mse", "mse", "squared error"),
        arm("mae", "mae", "absolute error"),
        *[arm(f"huber_{delta:g}", "huber", "quadratic up to delta, then linear", delta) for delta in (0.1, 1.0, 10.0)],
        *[arm(f"pseudo_{delta:g}", "pseudo_huber", "smooth Huber", delta) for delta in (0.2, 1.0, 5.0)],
    ],
    protocol=Protocol(epochs=500, metric="val_mse", direction="minimize",
                      split=Split(validation=0.2, test=0.2, random_state=42)),
    sweeps=[
        Sweep("outliers", {"outliers": (0.0, 0.1, 0.2, 0.3)}, 8, arms=("mse", "mae", "huber_1", "pseudo_1"),
              fixed={"learning_rate": 0.1}),
    ],
    derived=[
        Derived("sum of absolute errors: actual 100, 10,000 predictions from -10,000 to 9,998", "50,005,100",
                sum_of_absolute_errors(*EXAMPLE)),
        Derived("sum of squared errors of the same", "-1,572,109,088", sum_of_squared_errors(*EXAMPLE),
                why="a sum of squares cannot be negative: 32-bit whole numbers overflowed"),
    ],
    claims=[
        Claim(f"{SENSITIVE} (the MAE does better)", better="mae", than="mse", metric="test_mse"),
        Claim("Huber's loss is less sensitive to outliers than the MSE",
              better="huber_1", than="mse", metric="test_mse"),
        Claim(f"{SENSITIVE} (error over shares from 0 to 30 % varies more than that of Huber's loss)",
              better="huber_1", than="mse", over="spread", **SWEEP),
        Claim(f"{SMOOTH} (delta 1, the same error to 0.02 variances)",
              better="pseudo_1", than="huber_1", metric="test_mse", margin=0.02),
        Claim(f"{SMOOTH} (delta 1, over shares of outliers from 0 to 30 %)",
              better="pseudo_1", than="huber_1", margin=0.02, **SWEEP),
    ],
    remarks=[
        "The course prints the derivative of (1/2)(y - a)^2 in a as y - a: it is a - y.",
        "A delta of 10 is as large as the outliers here: that Huber loss is all but the squared error.",
        "All seeds share one split: intervals are about which rows are outliers, not about other patients.",
    ],
)  # fmt: skip
