"""Does foretelling the alcohol too help to foretell the quality of a wine?

Two inputs, two outputs, and a weight for each wine: the 1,599 red wines count as much as the 4,898 white ones.
"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
ACIDS = ["fixed_acidity", "volatile_acidity", "citric_acid", "pH"]
REST = ["residual_sugar", "chlorides", "free_sulfur_dioxide", "total_sulfur_dioxide", "sulphates"]


def data():
    """Acids (n, 4) and other measurements (n, 5); quality and alcohol, each scaled."""
    from pathlib import Path

    import numpy as np
    import pandas as pd

    table = pd.read_csv(Path(__file__).parent / "wines.csv")
    red = (table["color"] == "red").to_numpy()
    return Data(
        x={"acids": table[ACIDS].to_numpy("float32"), "rest": table[REST].to_numpy("float32")},
        y={
            "quality": ((table["quality"] - 6) / 0.9).to_numpy("float32"),
            "alcohol": ((table["alcohol"] - 10.5) / 1.2).to_numpy("float32"),
        },
        weight=np.where(red, 0.5 / red.mean(), 0.5 / (~red).mean()),
        name="wines",
        source="Cortez et al. 2009",
    )


def prepare(x, y, train, p):
    """Inputs scaled by the rows that train."""
    scaled = {}
    for name, values in x.items():
        scaled[name] = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
    return scaled, y


def build(p):
    """A layer for each input, one for both, and an output for each target."""
    import keras

    acids, rest = keras.Input((len(ACIDS),), name="acids"), keras.Input((len(REST),), name="rest")
    both = keras.layers.Concatenate()([keras.layers.Dense(32, activation="relu")(one) for one in (acids, rest)])
    shared = keras.layers.Dense(32, activation="relu")(both)
    outputs = {name: keras.layers.Dense(1, name=name)(shared) for name in ("quality", "alcohol")}
    model = keras.Model({"acids": acids, "rest": rest}, outputs)
    model.compile(
        keras.optimizers.Adam(p["learning_rate"]),
        loss={"quality": "mse", "alcohol": "mse"},
        loss_weights={"quality": 1.0, "alcohol": p["alcohol"]},
        metrics={"quality": ["mae"]},
    )
    return model


STUDY = Study(
    question="Does foretelling the alcohol too help to foretell the quality of a wine?",
    data=data,
    prepare=prepare,
    build=build,
    arms=[Arm("alone", {"alcohol": 0.0}, RATE), Arm("both", {"alcohol": 1.0}, RATE)],
    protocol=Protocol(epochs=10, batch_size=64, split=Split(0.2, test=0.25, random_state=0), metric="val_quality_mae"),
    claims=[Claim("The second target helps", better="both", than="alone", metric="test_quality_mae")],
)
