"""Many small trainings in one worker: what they leave in its memory."""

from typing import Any

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """The net of the `optimizers` study, with any optimizer and dropout rate."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(p["dropout_rate"]),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.get({"class_name": p["optimizer"], "config": {"learning_rate": p["learning_rate"]}})
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="What do many small trainings leave in memory?",
    dataset="mnist",
    build=build,
    arms=[Arm("any", setting={"optimizer": "SGD", "learning_rate": 0.01, "dropout_rate": 0.2})],
    protocol=Protocol(searches=1, epochs=1, batch_size=32, trials=1, seeds=1, rows=640, split=Split(validation=64)),
)
