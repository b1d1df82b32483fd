"""Does a small network predict house values better than a linear model, and does training on help?

The course trains one network with plain SGD, lowers the learning rate to a tenth and trains the same network on until
its validation loss no longer falls. It shows no simpler model beside it. Here the network stands beside linear
regression and boosted trees, and beside itself trained on; the rate of each is tuned with the same number of trials,
and all meet on the same test rows.

Source: the course's housing network (data: Pace and Barry 1997, StatLib): `train_test_split(random_state=42)` twice,
11,610 / 3,870 / 5,160 rows; StandardScaler fitted on the 11,610; Dense 30, 10 and 5 relu, 1; SGD at 0.01, mean squared
error, batch 32, 20 epochs; then SGD at 0.001, a checkpoint, early stopping with patience 5. How many epochs it allowed
there it does not say; here 50. The target is in $100,000, its squared error in their square.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study
from dlstudy.toolkit import plots, standardize

RATE = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}
COURSE = {"learning_rate": 0.01}


def prepare(x: Any, y: Any, train: Any, _: dict[str, Any]) -> tuple[Any, Any]:
    """The features in standard deviations from the mean of the training rows; the target as it is."""
    return standardize(x, train), y


def build(p: dict[str, Any]) -> Any:
    """The model of p: the course's network, or an estimator with scikit-learn's defaults for what is not tuned."""
    import keras
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    if p["model"] == "linear":
        return LinearRegression()
    if p["model"] == "boosting":
        return HistGradientBoostingRegressor(learning_rate=p["learning_rate"])
    hidden = [keras.layers.Dense(units, activation="relu") for units in (30, 10, 5)]
    model = keras.Sequential([keras.Input(p["input_shape"]), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(p["learning_rate"]), loss="mse")
    return model


def continue_training(model: Any, p: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The same network at a tenth of the rate, until validation stops it; its best weights count."""
    import keras

    model.compile(keras.optimizers.SGD(p["learning_rate"] / 10), loss="mse")
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    return model, [stop, keras.callbacks.ModelCheckpoint(f"{p['folder']}/best.keras", save_best_only=True)]


def figures(model: Any, x: Any, y: Any, _: dict[str, Any]) -> dict[str, Any]:
    """Predicted against true values of the test districts, with the two that the course predicts."""
    predicted = model.predict(x).ravel()
    title = f"first two test rows: {predicted[0]:.4f}, {predicted[1]:.4f}; in the course 0.7706, 1.4972"
    what = "median house value, $100,000"
    figure = plots.true_against_predicted(y, predicted, what=what, stated=(0.7706, 1.4972), title=title)
    return {"predicted against true values": figure}


STUDY = Study(
    question="Does a small network predict house values better than a linear model, and does training on help?",
    dataset="housing",
    build=build,
    prepare=prepare,
    continue_training=continue_training,
    figures=figures,
    arms=[
        Arm("linear", {"model": "linear"}, defaults={}, text="linear regression, 9 parameters"),
        Arm("net", {"model": "net"}, RATE, reported=COURSE, defaults=COURSE,
            text="the course's network, 641 parameters"),
        Arm("continued", {"model": "net", "more_epochs": 50}, RATE, reported=COURSE, defaults=COURSE,
            text="the same network, trained on at a tenth of the rate until validation stops it"),
        Arm("boosting", {"model": "boosting"}, {"learning_rate": FloatDistribution(1e-2, 1.0, log=True)},
            defaults={"learning_rate": 0.1}, text="100 boosted trees"),
    ],
    protocol=Protocol(
        epochs=20, batch_size=32, metric="val_loss", direction="minimize",
        split=Split(validation=0.25, test=0.25, random_state=42),
    ),
    reported=[
        *Reported.several("net", epoch=1, train_loss="0.7655", val_loss="0.6039"),
        *Reported.several("net", epoch=20, train_loss="0.3313", val_loss="0.3287"),
        Reported("net", "test_loss", "0.3218"),
        Reported("continued", "val_loss", "0.3194", place="the best epoch of the second training"),
    ],
    derived=[
        Derived("parameters of the network", "641", (8 + 1) * 30 + (30 + 1) * 10 + (10 + 1) * 5 + (5 + 1)),
        Derived("steps of an epoch: 11,610 rows in batches of 32", "363", -(-11_610 // 32)),
    ],
    claims=[
        *(Claim(f"The network predicts better than {what} (the course shows the network alone)",
                better="net", than=arm, metric="test_loss", phase=phase)
          for arm, what, phase in (
              ("linear", "a linear model, at the library's defaults", "defaults"),
              ("linear", "a linear model, where its rate is tuned", "replicate"),
              ("boosting", "boosted trees, at the library's defaults", "defaults"))),
        Claim("Training on at a tenth of the rate lowers the error, at the course's rates",
              better="continued", than="net", metric="test_loss", phase="reported"),
        Claim("Training on at a tenth of the rate lowers the error, where the first rate is tuned",
              better="continued", than="net", metric="test_loss"),
    ],
    remarks=[
        "The course also gives predictions for the first two test rows, 0.7706 and 1.4972: they are of one training, "
        "and are shown beside ours in the figure of each winner.",
        "At high rates every unit of a narrow layer can die: the net then predicts the mean everywhere, with an "
        "error of 1.3, the variance of the target. One seed of a search does not see that; fresh seeds do.",
    ],
)  # fmt: skip
