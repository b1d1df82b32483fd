"""A study with 10,000 trials, whose results `benchmarks.simulated_store` makes up: for what a large record costs.

Never train it.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


def build(p: dict[str, Any]) -> Any:
    """A softmax layer."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.get({"class_name": p["optimizer"], "config": {"learning_rate": p["learning_rate"]}})
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="How does dlstudy cope with 10,000 trials?",
    dataset="mnist",
    build=build,
    arms=[Arm(name.lower(), setting={"optimizer": name}, space=RATE) for name in ("SGD", "Adam", "RMSprop", "Nadam")],
    protocol=Protocol(
        searches=1, epochs=10, batch_size=32, trials=2_450, rounds=0, seeds=50, split=Split(validation=5_000)
    ),
    claims=[
        Claim("Adam beats SGD", better="adam", than="sgd", metric="test_accuracy"),
        Claim("Adam beats all", better="adam", than=("sgd", "rmsprop", "nadam"), metric="test_accuracy"),
        Claim("Nadam is faster than Adam", better="nadam", than="adam", metric="val_accuracy", epoch=1),
    ],
)
