"""Three optimizers at two learning rates each: the trainings of the side-by-side, as a study.

Every arm has a setting and nothing to tune, so its search is one trial.
"""

from typing import Any

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """The net of the `optimizers` study."""
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
    optimizer = keras.optimizers.get({"class_name": p["optimizer"], "config": {"learning_rate": p["learning_rate"]}})
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="How fast does dlstudy train six small nets?",
    dataset="mnist",
    build=build,
    arms=[
        Arm(f"{name.lower()}-{rate:g}", setting={"optimizer": name, "learning_rate": rate})
        for name in ("SGD", "Adam", "RMSprop")
        for rate in (0.01, 0.001)
    ],
    protocol=Protocol(searches=1, epochs=10, batch_size=32, trials=1, seeds=1, split=Split(validation=5_000)),
)
