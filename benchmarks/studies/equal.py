"""Equal trainings of the small net at many rates: what a second worker gains."""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """The net of the `optimizers` study, with Adam."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(p["learning_rate"])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="What does a second worker gain?",
    dataset="mnist",
    build=build,
    arms=[Arm("adam", space={"learning_rate": FloatDistribution(1e-4, 1e-2, log=True)})],
    protocol=Protocol(
        searches=1, epochs=10, batch_size=32, trials=24, rounds=0, seeds=1, split=Split(validation=5_000)
    ),
)
