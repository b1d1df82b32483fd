"""Does an LSTM foretell next year's sunspots better than a linear model of the same eleven years?

A series in time: the last years test, the years before them validate, none is seen before its time.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

YEARS = 11
RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


def data():
    """Windows of eleven years (n, 11, 1) and the year after each; in hundreds of sunspots, 1700 to 2008."""
    from pathlib import Path

    import numpy as np
    import pandas as pd

    table = pd.read_csv(Path(__file__).parent / "sunspots.csv")
    counts = table["SUNACTIVITY"].to_numpy("float32") / 100
    windows = np.lib.stride_tricks.sliding_window_view(counts, YEARS + 1)
    return Data(windows[:, :-1, None], windows[:, -1], name="sunspots", times=table["YEAR"].to_numpy()[YEARS:])


def build(p):
    """A layer of LSTM cells, or one neuron on the window."""
    import keras

    if p["method"] == "lstm":
        layers = [keras.layers.LSTM(p["units"]), keras.layers.Dense(1)]
    else:
        layers = [keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "mse", metrics=["mae"])
    return model


STUDY = Study(
    question="Does an LSTM foretell next year's sunspots better than a linear model of the same eleven years?",
    data=data,
    build=build,
    arms=[
        Arm("linear", {"method": "linear"}, RATE),
        Arm("lstm", {"method": "lstm"}, {**RATE, "units": IntDistribution(4, 32, log=True)}),
    ],
    protocol=Protocol(epochs=60, batch_size=16, split=Split(validation=0.2, last=0.25), metric="val_mae"),
    claims=[Claim("The LSTM does better", better="lstm", than="linear", metric="test_mae")],
)
