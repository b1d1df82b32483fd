"""An epoch of nets that are not tiny, with validation: dlstudy against plain `fit`, in one process with one thread."""

import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures.trials import STUDIES, cpu_slots, prune_nothing, spec, train

BATCH_SIZES = {"batchnorm": 64, "lenet": 128}
EPOCHS = 3


def measure(setup: Setup) -> list[Figure]:
    """How many times as fast as plain `fit` dlstudy is."""
    validation = 500 if setup.short else 5_000
    measured = children.python("benchmarks.measures.plain", str(setup.data), str(validation), str(setup.rounds))
    return [
        Figure(
            f"{name}: plain fit / dlstudy",
            median(times["plain"]) / median(times["dlstudy"]),
            at_least=1.0,
            detail=f"an epoch takes {median(times['plain']):.2f} and {median(times['dlstudy']):.2f} s, one thread",
        )
        for name, times in measured.items()
    ]


def main() -> None:
    data, validation, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    from dlstudy.engines.inline import InlineEngine
    from dlstudy.study.split import Split

    engine = InlineEngine(cpu_slots(1)[0], prune_nothing)
    with np.load(data) as arrays:
        x, y = arrays["x_train"].astype("float32") / 255, arrays["y_train"]
    seconds: dict[str, dict[str, list[float]]] = {name: {"plain": [], "dlstudy": []} for name in BATCH_SIZES}
    for number in range(rounds):
        for name, size in BATCH_SIZES.items():
            one = spec(
                "classic_nets",
                number,
                params={"net": name},
                epochs=EPOCHS,
                batch_size=size,
                rows=len(x),
                split=Split(validation),
            )
            (result,) = train(engine, [one])
            seconds[name]["dlstudy"].append(result.cost["seconds_per_epoch"])
            seconds[name]["plain"].append(plain_epoch(name, size, x, y, validation))
    print(json.dumps(seconds))


def plain_epoch(name: str, batch_size: int, x: np.ndarray, y: np.ndarray, validation: int) -> float:
    """The median epoch of plain `fit`, in seconds."""
    import keras

    from dlstudy.study import loader

    clock: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_train_begin(self, logs: Any = None) -> None:
            clock.append(time.perf_counter())

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            clock.append(time.perf_counter())

    keras.utils.clear_session()
    study = loader.load(STUDIES / "classic_nets.py").study
    model = study.build({"net": name, "input_shape": (28, 28), "n_classes": 10})
    judged = (x[:validation], y[:validation])
    model.fit(
        x[validation:], y[validation:], batch_size, EPOCHS, verbose=0, validation_data=judged, callbacks=[Clock()]
    )
    return float(np.median(np.diff(clock)))


if __name__ == "__main__":
    main()
