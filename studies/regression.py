"""Do the closed form, scikit-learn, gradient descent and a Keras neuron find the same line?

Simple linear regression y = b0 + b1 x on two shares' closes (JPM to predict GS), the same line four ways. A line is
compared by its two ends: what it says at the lowest and at the highest x of the training rows, in standard deviations
of y. That is fair to all four, also to those that need standardized inputs and so have a slope in other units.
The tolerance, a tenth, is about the standard error of the least-squares line there. Gradient descent and Keras have
their rate tuned and make about as many steps (1,000 and 1,100). Keras learns from 32 rows a step: at a large rate its
line wavers, so the claim is also put at the course's rate of 0.01. The two exact methods have nothing to tune. All
train on the same 322 rows. Data sets of several features give one: advertising its TV, diabetes its body mass index.

The printed settings are the course's: the closed form on all 504 rows; scikit-learn on a split that was not seeded,
whose 101 test rows follow from the predictions that the course prints; Keras after 100 epochs, judged on its 322
training rows. Exact methods are to give every printed digit.

Source: the course's regression of stock prices; Legendre 1805 and Gauss 1809 for least squares.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Printed, Protocol, Split, Study

FEATURE = {3: 0, 10: 2}
"""The column that is x, by the number of columns: TV of advertising, body mass index of diabetes; else the first."""

SCIKIT_LEARN_ROWS = (
    7, 8, 10, 27, 47, 52, 54, 59, 67, 69, 73, 77, 78, 79, 88, 89, 93, 97, 100, 102, 104, 105, 108, 114, 116, 124,
    134, 138, 154, 160, 165, 166, 172, 177, 179, 186, 188, 190, 191, 194, 208, 212, 217, 218, 226, 231, 234, 237,
    248, 257, 260, 263, 270, 274, 275, 279, 283, 295, 296, 301, 303, 304, 305, 310, 315, 321, 330, 337, 338, 339,
    341, 343, 344, 347, 351, 352, 354, 359, 369, 374, 377, 392, 401, 403, 409, 415, 419, 422, 432, 446, 457, 463,
    465, 472, 473, 482, 485, 491, 495, 497, 501,
)  # fmt: skip
"""The 101 test rows of the course's scikit-learn fit, counted from 0."""

RATE = {"learning_rate": FloatDistribution(1e-3, 0.5, log=True)}
DEFAULT = {"learning_rate": 0.01}


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """One feature, standardized by the training rows for the arms that need it."""
    x = x.reshape(len(x), -1)
    x = x[:, FEATURE.get(x.shape[1], 0)][:, None]
    return ((x - x[train].mean()) / x[train].std() if p["standardized"] else x), y


def build(p: dict[str, Any]) -> Any:
    """The method of p."""
    if p["method"] == "keras":
        return keras_line(p)
    from sklearn.linear_model import LinearRegression

    from dlstudy.scratch.descent import ClosedFormRegressor, GradientDescentRegressor

    if p["method"] == "gradient_descent":
        return GradientDescentRegressor(learning_rate=p["learning_rate"], n_epochs=p["epochs"])
    return LinearRegression() if p["method"] == "sklearn" else ClosedFormRegressor()


def keras_line(p: dict[str, Any]) -> Any:
    """One linear neuron, which is a line."""
    import keras

    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Dense(1)])
    model.compile(
        optimizer=keras.optimizers.SGD(p["learning_rate"]), loss="mse", metrics=[keras.metrics.MeanSquaredError("mse")]
    )
    return model


def probe(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, float]:
    """The line and the course's figures: `slope` and `intercept` in the units of the x that the arm gets.

    `low` and `high` are its values at the lowest and the highest x, in standard deviations of y from the mean of y.
    """
    import numpy as np

    from dlstudy.scratch.descent import regression_report

    if p["method"] == "keras":
        weights, (intercept,) = model.get_weights()
        slope = weights[0, 0]
    else:
        (slope,), intercept = model.coef_, model.intercept_
    slope, intercept = float(slope), float(intercept)
    low, high = ((intercept + slope * end - np.mean(y)) / np.std(y) for end in (x.min(), x.max()))
    report = regression_report(y, intercept + slope * x[:, 0], x[:, 0])
    return {"slope": slope, "intercept": intercept, "low": low, "high": high, **report}


def draw(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The line over the test rows."""
    import numpy as np
    from matplotlib.figure import Figure

    ends = np.array([[x.min()], [x.max()]])
    line = model.predict(ends, verbose=0)[:, 0] if p["method"] == "keras" else model.predict(ends)
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(x[:, 0], y, "o", color="#56B4E9", markersize=4, label="test rows")
    axes.plot(ends[:, 0], line, color="#D55E00", label=f"the line of {p['method']}")
    units = "standard deviations from its mean" if p["standardized"] else "its own units"
    axes.set(xlabel=f"x ({units})", ylabel="y (its own units)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return {"The line": figure}


def figures(arm: str, part: str, **values: str) -> list[Printed]:
    """Figures that the course prints of an arm, of one part of the rows."""
    return [Printed(arm, f"{part}_{name}", value) for name, value in values.items()]


def same_line(end: str, rates: str, **more: Any) -> Claim:
    """The claim that all methods find the line of the closed form, at one end of it."""
    return Claim(
        f"The methods find the same line (at its {end}est x, to a tenth of a standard deviation of y; {rates})",
        better="closed_form",
        than=("sklearn", "gradient_descent", "keras"),
        metric=f"train_end_{end}",
        direction="maximize",
        within=0.1,
        **more,
    )


STUDY = Study(
    question="Do the closed form, scikit-learn, gradient descent and Keras find the same line?",
    dataset="stocks",
    other_datasets=["advertising", "diabetes"],
    ranks=False,
    build=build,
    prepare=prepare,
    probe=probe,
    draw=draw,
    arms=[
        Arm(
            "closed_form",
            setting={"method": "closed_form", "standardized": False},
            printed={},
            defaults={},
            printed_split=Split(),
            text="b1 = Sxy / Sxx, b0 = mean(y) - b1 mean(x)",
        ),
        Arm(
            "sklearn",
            setting={"method": "sklearn", "standardized": False},
            printed={},
            defaults={},
            printed_split=Split(test=SCIKIT_LEARN_ROWS),
            text="LinearRegression",
        ),
        Arm(
            "gradient_descent",
            setting={"method": "gradient_descent", "standardized": True, "epochs": 1_000},
            space=RATE,
            defaults=DEFAULT,
            text="from scratch, all rows a step, from a line of zeros",
        ),
        Arm(
            "keras",
            setting={"method": "keras", "standardized": True},
            space=RATE,
            printed=DEFAULT,
            defaults=DEFAULT,
            text="Dense(1), linear, SGD",
        ),
    ],
    protocol=Protocol(
        epochs=100,
        batch_size=32,
        trials=8,
        seeds=8,
        metric="val_mse",
        direction="minimize",
        split=Split(validation=0.2, test=0.2, random_state=42),
    ),
    printed=[
        *figures(
            "closed_form",
            "train_end",
            slope="1.5913570686889646",
            intercept="127.25992569936074",
            sst="557665.0178584817",
            sse="180951.54047437938",
            ssr="376713.47738410207",
            r2="0.6755192908",
            mse="359.0308342746",
            rmse="18.9481089894",
            mae="15.9014697865",
            pearson="0.8218998058",
        ),
        *figures("sklearn", "train_end", slope="1.59300508", intercept="126.95400452"),
        *figures(
            "sklearn",
            "test",
            mae="14.87905864860798",
            mse="317.44505798284086",
            rmse="17.816987904324368",
            r2="0.7107722694961836",
        ),
        *figures("keras", "train_end", mae="15.514", mse="339.180", rmse="18.417", r2="0.6750"),
    ],
    claims=[
        same_line("low", "at the course's rate", phase="defaults"),
        same_line("high", "at the course's rate", phase="defaults"),
        same_line("low", "rates tuned"),
        same_line("high", "rates tuned"),
        Claim(
            "The methods find the same line (the two exact ones: the same slope to 9 decimals)",
            better="closed_form",
            than="sklearn",
            metric="train_end_slope",
            direction="maximize",
            within=1e-9,
        ),
    ],
    remarks=[
        "The course's scikit-learn split was not seeded: its test rows were worked out from the predictions it prints, "
        "and with them every figure of that fit comes out.",
        "The course judges Keras by its training rows and scikit-learn by its test rows: those figures cannot be "
        "compared with one another, only each with our run of the same setting.",
        "All seeds share one split, and only Keras depends on the seed: an interval without width says that a method "
        "gives the same line each time, not that it would on other rows.",
    ],
)
