"""What the ways share: the job, the rows, the net. Everything else is each way's own."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

OPTIMIZERS = ("SGD", "Adam", "RMSprop")
RATES = (0.01, 0.001)
BATCH_SIZE = 32


@dataclass(frozen=True)
class Job:
    """What a way is to do.

    Args:
        data: an .npz file with x_train and y_train, uint8.
        validation: this many rows validate, the first ones; the others train.
        epochs: of each of the six trainings.
        seed: for searches and designs; it differs from round to round.
        folder: an empty folder for whatever the way writes.
    """

    data: str
    validation: int
    epochs: int
    seed: int
    folder: str

    @property
    def path(self) -> Path:
        return Path(self.folder)


def settings() -> dict[str, tuple[str, float]]:
    """The six settings by name: optimizer and learning rate."""
    return {f"{name} {rate:g}": (name, rate) for name in OPTIMIZERS for rate in RATES}


def job() -> Job:
    """The job that the command line gives, as JSON."""
    return Job(**json.loads(sys.argv[1]))


def load(job: Job) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training rows and validation rows: float32 images in [0, 1] and their labels."""
    with np.load(job.data) as arrays:
        x, y = arrays["x_train"].astype("float32") / 255, arrays["y_train"]
    n = job.validation
    return (x[n:], y[n:]), (x[:n], y[:n])


def build(optimizer: str, learning_rate: float) -> Any:
    """The net of the `optimizers` study, compiled."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    chosen = keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}})
    model.compile(optimizer=chosen, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def tell(val_accuracy: dict[str, float]) -> None:
    """Prints the final validation accuracy of every setting as the last line.

    Raises:
        ValueError: a setting is missing, or one is there that was not asked for.
    """
    if set(val_accuracy) != set(settings()):
        raise ValueError(f"all six settings must be trained, got {sorted(val_accuracy)}")
    print(json.dumps({"val_accuracy": {name: float(value) for name, value in val_accuracy.items()}}), flush=True)
