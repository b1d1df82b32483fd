"""Which loss stands outliers: the absolute error, the squared error, Huber's loss or the pseudo-Huber loss?

Linear regression by gradient descent, in nothing but the loss different. A tenth of the training rows are outliers:
ten standard deviations are added to their target; which rows, the seed decides, the same for every arm. Validation and
test rows are left as they are, so every arm is judged on clean rows and by the same measure, the squared error. Rates
are tuned for each arm, since the gradients of the losses differ in size. A sweep goes from no outliers to 30 %, at one
rate that is small enough for all and with steps enough for all.

Inputs and target are standardized by the training rows before anything is added, so a delta is in standard deviations
of the target: the course's 0.1, 1 and 10 for Huber, 0.2, 1 and 5 for pseudo-Huber. The pictures show these losses and
those of classes as functions.

Source: the course's chapter on loss functions; Huber 1964; formulas and their papers in dlstudy.scratch.losses.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Computed, Protocol, Split, Study, Sweep

RATE = {"learning_rate": FloatDistribution(1e-2, 1, log=True)}
OUTLIERS = 0.1
SIZE = 10.0


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """Inputs and target standardized by the training rows, and then a share of the training targets disturbed."""
    import numpy as np

    x = x.reshape(len(x), -1)
    x, y = ((values - values[train].mean(axis=0)) / values[train].std(axis=0) for values in (x, y))
    n_outliers = round(p.get("outliers", OUTLIERS) * len(train))
    y[np.random.default_rng(p["seed"]).choice(train, n_outliers, replace=False)] += SIZE
    return x, y


def build(p: dict[str, Any]) -> Any:
    """Linear regression with the loss of p."""
    from dlstudy.scratch.descent import GradientDescentRegressor

    return GradientDescentRegressor(
        learning_rate=p["learning_rate"], n_epochs=p["epochs"], loss=p["loss"], delta=p["delta"]
    )


def draw(*_: Any) -> dict[str, Any]:
    """The losses as functions: of an error, and of what a classifier says."""
    from matplotlib.figure import Figure

    pictures = {}
    for title, curves in (("Losses of numbers", of_errors()), ("Losses of classes", of_classes())):
        pictures[title] = Figure(figsize=(9, 3.8), layout="constrained")
        for axes, (xlabel, top, x, values) in zip(pictures[title].subplots(1, 2), curves, strict=True):
            for (label, loss), colour in zip(values.items(), COLOURS, strict=False):
                axes.plot(x, loss.value, color=colour, label=label)
            axes.set(xlabel=xlabel, ylabel="loss", ylim=(0, top))
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=8)
    return pictures


def of_errors() -> list[Any]:
    """Two panels, each the label of its x, the top of its y, x, and the losses by name."""
    import numpy as np

    from dlstudy.scratch import losses

    error = np.linspace(-4, 4, 401)
    zeros, label = np.zeros_like(error), "error (prediction - target)"
    both = {"MAE": losses.mae(zeros, error), "MSE": losses.mse(zeros, error)}
    huber = {f"Huber, delta {d:g}": losses.huber(zeros, error, d) for d in (0.1, 1, 10)}
    pseudo = {f"pseudo-Huber, delta {d:g}": losses.pseudo_huber(zeros, error, d) for d in (0.2, 1, 5)}
    return [(label, 8, error, both | huber), (label, 8, error, both | pseudo)]


def of_classes() -> list[Any]:
    """Likewise, of outputs and of probabilities."""
    import numpy as np

    from dlstudy.scratch import losses

    output, p = np.linspace(-4, 4, 401), np.linspace(0.005, 0.995, 199)
    ones, pairs = np.ones_like(output), np.column_stack([p, 1 - p])
    sure, wanted = (np.tile([share, 1 - share], (len(p), 1)) for share in (1.0, 0.7))
    of_outputs = {
        "hinge (target 1)": losses.hinge(ones, output),
        "sigmoid cross-entropy": losses.sigmoid_crossentropy(ones, output),
        "softmax cross-entropy (other logit 1)": losses.softmax_crossentropy(
            np.tile([1.0, 0.0], (len(output), 1)), np.column_stack([output, ones])
        ),
    }
    of_probabilities = {
        "cross-entropy, target 1": losses.categorical_crossentropy(sure, pairs),
        "cross-entropy, target 0.7": losses.categorical_crossentropy(wanted, pairs),
        "Kullback-Leibler, target 0.7": losses.kl_divergence(wanted, pairs),
    }
    return [
        ("output for the right class", 5, output, of_outputs),
        ("probability given to the class", 5, p, of_probabilities),
    ]


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


def arm(name: str, loss: str, delta: float = 1.0, text: str = "") -> Arm:
    """An arm that trains with a loss."""
    return Arm(name, setting={"loss": loss, "delta": delta}, space=RATE, text=text)


def errors() -> tuple[Any, Any]:
    """The course's example: the actual value 100, 10,000 times, and the predictions -10,000, -9,998, ..., 9,998."""
    import numpy as np

    return np.full(10_000, 100.0), np.arange(-10_000.0, 10_000.0, 2.0)


def sum_of_errors() -> float:
    """Of absolute errors, in the example."""
    from dlstudy.scratch.losses import sum_of_absolute_errors

    return sum_of_absolute_errors(*errors())


def sum_of_squares() -> float:
    """Of squared errors, in the example."""
    from dlstudy.scratch.losses import sum_of_squared_errors

    return sum_of_squared_errors(*errors())


COMPARED = ("mse", "mae", "huber_1", "pseudo_1")
SENSITIVE = "With outliers the MSE is dominated by them"

STUDY = Study(
    question="Which loss stands outliers: the absolute error, the squared error, Huber's or the pseudo-Huber loss?",
    dataset="diabetes",
    other_datasets=["advertising", "stocks"],
    build=build,
    prepare=prepare,
    draw=draw,
    arms=[
        arm("mse", "mse", text="squared error"),
        arm("mae", "mae", text="absolute error"),
        *[arm(f"huber_{delta:g}", "huber", delta, "quadratic up to delta, then linear") for delta in (0.1, 1.0, 10.0)],
        *[arm(f"pseudo_{delta:g}", "pseudo_huber", delta, "smooth Huber") for delta in (0.2, 1.0, 5.0)],
    ],
    protocol=Protocol(
        epochs=500,
        trials=8,
        seeds=8,
        metric="val_mse",
        direction="minimize",
        split=Split(validation=0.2, test=0.2, random_state=42),
    ),
    sweeps=[
        Sweep("outliers", {"outliers": (0.0, 0.1, 0.2, 0.3)}, seeds=8, arms=COMPARED, fixed={"learning_rate": 0.1}),
    ],
    computed=[
        Computed(
            "sum of absolute errors: actual 100, 10,000 predictions from -10,000 to 9,998", "50,005,100", sum_of_errors
        ),
        Computed(
            "sum of squared errors of the same",
            "-1,572,109,088",
            sum_of_squares,
            why="a sum of squares cannot be negative: 32-bit whole numbers overflowed",
        ),
    ],
    claims=[
        Claim(f"{SENSITIVE} (the MAE does better)", better="mae", than="mse", metric="test_mse"),
        Claim(
            "Huber's loss is less sensitive to outliers than the MSE",
            better="huber_1",
            than="mse",
            metric="test_mse",
        ),
        Claim(
            f"{SENSITIVE} (error over shares from 0 to 30 % varies more than that of Huber's loss)",
            better="huber_1",
            than="mse",
            metric="val_mse",
            phase="sweep",
            sweep="outliers",
            over="spread",
        ),
        Claim(
            "The pseudo-Huber loss is a smooth Huber loss (delta 1, the same error to 0.02 variances)",
            better="pseudo_1",
            than="huber_1",
            metric="test_mse",
            within=0.02,
        ),
        Claim(
            "The pseudo-Huber loss is a smooth Huber loss (delta 1, over shares of outliers from 0 to 30 %)",
            better="pseudo_1",
            than="huber_1",
            metric="val_mse",
            phase="sweep",
            sweep="outliers",
            within=0.02,
        ),
    ],
    remarks=[
        "The course prints the derivative of (1/2)(y - a)^2 in a as y - a: it is a - y.",
        "A delta of 10 is as large as the outliers here: that Huber loss is all but the squared error.",
        "All seeds share one split: intervals are about which rows are outliers, not about other patients.",
    ],
)
