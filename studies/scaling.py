"""Do the inputs of a net have to be scaled, and does it matter how?

The columns of the breast cancer data differ in size by a factor of 100,000: a fractal dimension has errors near 0.004,
an area is near 650. The same small net gets them as they are, with mean 0 and deviation 1, or between 0 and 1; a fourth
arm leaves it to a batch normalization layer at the input. What is fitted is fitted to the rows that train. The learning
rate of each arm is tuned on its own with the same number of trials: inputs of another size ask for another rate, and at
one rate for all the comparison would be about that. 569 patients are few, so each search has a test fold of its own.

Source: that inputs should have mean 0 and a common deviation: LeCun, Bottou, Orr, Mueller 1998, Efficient BackProp,
section 4.3. Data: Street, Wolberg, Mangasarian 1993, as in scikit-learn.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
DEFAULT = {"learning_rate": 0.001}


def data() -> Data:
    """569 patients, a table of 30 columns, and whether the tumour is benign."""
    return Data.sklearn("breast_cancer")


def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> tuple[Any, Any]:
    """The columns, scaled as the arm says by the rows that train."""
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

    scaler = {"standard": StandardScaler, "range": MinMaxScaler}.get(p["scaling"], FunctionTransformer)()
    return scaler.fit(x.iloc[train].to_numpy()).transform(x.to_numpy()).astype("float32"), y


def build(p: dict[str, Any]) -> Any:
    """One hidden layer of 32, behind a batch normalization of the inputs where p says so."""
    import keras

    model = keras.Sequential([keras.Input(p["input_shape"])])
    if p["scaling"] == "layer":
        model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(32, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(p["learning_rate"]), loss="binary_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Do the inputs of a net have to be scaled, and does it matter how?",
    data=data,
    prepare=prepare,
    build=build,
    arms=[
        Arm("raw", {"scaling": "none"}, RATE, defaults=DEFAULT, text="as they are"),
        Arm("standard", {"scaling": "standard"}, RATE, defaults=DEFAULT, text="mean 0 and deviation 1"),
        Arm("range", {"scaling": "range"}, RATE, defaults=DEFAULT, text="between 0 and 1"),
        Arm("layer", {"scaling": "layer"}, RATE, defaults=DEFAULT, text="by a batch normalization layer at the input"),
    ],
    protocol=Protocol(epochs=30, batch_size=32, split=Split(0.2, test=0.2, random_state=0, resample="folds")),
    claims=[
        Claim("Standardized inputs help (at Keras's default rate)",
              better="standard", than="raw", metric="test_accuracy", phase="defaults"),
        Claim("Standardized inputs help (each at its own best rate)",
              better="standard", than="raw", metric="test_accuracy"),
        Claim("Standardizing does better than scaling between 0 and 1",
              better="standard", than="range", metric="test_accuracy"),
        Claim("A batch normalization layer does as well as standardizing (to 0.02 in accuracy)",
              better="layer", than="standard", metric="test_accuracy", margin=0.02),
    ],
)  # fmt: skip
