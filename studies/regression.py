"""Do the closed form, scikit-learn, gradient descent and a Keras neuron find the same line?

Simple linear regression y = b0 + b1 x on two shares' closes (JPM to predict GS), the same line four ways. A line is
compared by its two ends: its values at the lowest and at the highest x of the training rows, in standard deviations
of y. That is fair to all four, also to those that need standardized inputs and so have a slope in other units.
The tolerance, a tenth, is about the standard error of the least-squares line there. Gradient descent and Keras have
their rate tuned and make about as many steps (1,000 and 1,100). Keras learns from 32 rows a step: at a large rate its
line wavers, so the claim is also put at the course's rate of 0.01. All train on the same 322 rows.

The reported settings are the course's: the closed form on all 504 rows; scikit-learn on a split that was not seeded,
whose 101 test rows follow from the predictions that the course prints (they are stated with the data set); Keras after
100 epochs, judged on its 322 training rows. Exact methods are to give every digit.

Source: the course's regression of stock prices; Legendre 1805 and Gauss 1809 for least squares.
"""

from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Reported, Split, Study
from dlstudy.toolkit import column, plots, standardize

RATE = {"learning_rate": FloatDistribution(1e-3, 0.5, log=True)}
DEFAULT = {"learning_rate": 0.01}


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """One feature, standardized by the training rows for the arms that need it."""
    x = column(x, p, "JPM", "TV", "bmi")
    return (standardize(x, train) if p["standardized"] else x), y


def build(p: dict[str, Any]) -> Any:
    """The method of p; with Keras one linear neuron, which is a line."""
    import keras
    from sklearn.linear_model import LinearRegression

    from dlstudy.scratch.descent import ClosedFormRegressor, GradientDescentRegressor

    if p["method"] == "gradient_descent":
        return GradientDescentRegressor(learning_rate=p["learning_rate"], n_epochs=p["epochs"])
    if p["method"] != "keras":
        return LinearRegression() if p["method"] == "sklearn" else ClosedFormRegressor()
    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Dense(1)])
    mse = keras.metrics.MeanSquaredError("mse")
    model.compile(optimizer=keras.optimizers.SGD(p["learning_rate"]), loss="mse", metrics=[mse])
    return model


def extra_metrics(model: Any, x: Any, y: Any, _: dict[str, Any]) -> dict[str, float]:
    """The line and the course's figures: `slope` and `intercept` in the units of the x that the arm gets.

    `low` and `high` are its values at the lowest and the highest x, in standard deviations of y from the mean of y.
    """
    from dlstudy.scratch.descent import regression_report

    weights = model.get_weights() if hasattr(model, "get_weights") else (model.coef_, model.intercept_)
    slope, intercept = (float(np.squeeze(weight)) for weight in weights)
    low, high = ((intercept + slope * end - y.mean()) / y.std() for end in (x.min(), x.max()))
    report = regression_report(y, intercept + slope * x[:, 0], x[:, 0])
    return {"slope": slope, "intercept": intercept, "low": low, "high": high, **report}


def figures(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The line over the test rows."""
    units = "standard deviations from its mean" if p["standardized"] else "its own units"
    axes = {"xlabel": f"x ({units})", "ylabel": "y (its own units)"}
    return {"The line": plots.line_fit(x, y, model.predict, label=f"the line of {p['method']}", **axes)}


def same_line(end: str, rates: str, **more: Any) -> Claim:
    """The claim that all methods find the line of the closed form, at one end of it."""
    text = f"The methods find the same line (at its {end}est x, to a tenth of a standard deviation of y; {rates})"
    return Claim(text, better="closed_form", than=("sklearn", "gradient_descent", "keras"), metric=f"train_end_{end}",
                 direction="maximize", margin=0.1, **more)  # fmt: skip


STUDY = Study(
    question="Do the closed form, scikit-learn, gradient descent and Keras find the same line?",
    dataset="stocks", other_datasets=["advertising", "diabetes"], rank_arms=False,
    build=build, prepare=prepare, extra_metrics=extra_metrics, figures=figures,
    arms=[
        Arm("closed_form", {"method": "closed_form", "standardized": False}, reported={}, defaults={},
            reported_split=Split(), text="b1 = Sxy / Sxx, b0 = mean(y) - b1 mean(x)"),
        Arm("sklearn", {"method": "sklearn", "standardized": False}, reported={}, defaults={},
            reported_split=Split(test="course"), text="LinearRegression"),
        Arm("gradient_descent", {"method": "gradient_descent", "standardized": True, "epochs": 1_000}, RATE,
            defaults=DEFAULT, text="from scratch, all rows a step, from a line of zeros"),
        Arm("keras", {"method": "keras", "standardized": True}, RATE, reported=DEFAULT, defaults=DEFAULT,
            text="Dense(1), linear, SGD"),
    ],
    protocol=Protocol(epochs=100, batch_size=32, metric="val_mse", direction="minimize",
                      split=Split(validation=0.2, test=0.2, random_state=42)),
    reported=[
        *Reported.several("closed_form", prefix="train_end_", slope="1.5913570686889646",
                          intercept="127.25992569936074", sst="557665.0178584817", sse="180951.54047437938",
                          ssr="376713.47738410207", r2="0.6755192908", mse="359.0308342746", rmse="18.9481089894",
                          mae="15.9014697865", pearson="0.8218998058"),
        *Reported.several("sklearn", prefix="train_end_", slope="1.59300508", intercept="126.95400452"),
        *Reported.several("sklearn", prefix="test_", mae="14.87905864860798", mse="317.44505798284086",
                          rmse="17.816987904324368", r2="0.7107722694961836"),
        *Reported.several("keras", prefix="train_end_", mae="15.514", mse="339.180", rmse="18.417", r2="0.6750"),
    ],
    claims=[
        *[same_line(end, "at the course's rate", phase="defaults") for end in ("low", "high")],
        *[same_line(end, "rates tuned") for end in ("low", "high")],
        Claim("The methods find the same line (the two exact ones: the same slope to 9 decimals)",
              better="closed_form", than="sklearn", metric="train_end_slope", direction="maximize", margin=1e-9),
    ],
    remarks=[
        "The course's scikit-learn split was not seeded: its test rows were worked out from the predictions it prints, "
        "and with them every figure of that fit comes out.",
        "The course judges Keras by its training rows and scikit-learn by its test rows: those figures cannot be "
        "compared with one another, only each with our run of the same setting.",
        "All seeds share one split, and only Keras depends on the seed: an interval without width says that a method "
        "gives the same line each time, not that it would on other rows.",
    ],
)  # fmt: skip
