"""Images that are more than memory is to hold: what a worker holds, and an epoch against plain `fit`."""

import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures.trials import STUDIES, cpu_slots, prune_nothing, spec, train
from dlstudy.study.split import Split

SIDE = 96
DIFFERENT = 1_000
"""Images that differ: the others are links to them, so that making them takes seconds. The disk is not measured."""
BATCH, EPOCHS = 32, 2


def measure(setup: Setup) -> list[Figure]:
    """The worker's most memory on 6 GB of images, and how long an epoch of some of them takes."""
    n, rows = (2_000, 1_000) if setup.short else (6_000_000_000 // (SIDE * SIDE * 3) + 1, 10_000)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        make_images(Path(folder) / "images", n)
        ways = ("dlstudy", "plain")
        done = [
            [children.python("benchmarks.measures.stream", way, folder, str(rows)) for way in ways]
            for _ in range(setup.rounds)
        ]
    ours, plain = zip(*done, strict=True)
    held = max(one["memory_mb"] for one in ours)
    times = [median(one["seconds"] for one in some) for some in (ours, plain)]
    gigabytes = n * SIDE * SIDE * 3 / 1e9
    what = f"{n:,} PNG files of {SIDE} x {SIDE}, {gigabytes:.1f} GB decoded"
    read = f"reading their names, hashes and sizes takes {ours[0]['reading']:.0f} s"
    each = f"an epoch of {rows:,} of them takes {times[0]:.1f} and {times[1]:.1f} s; {read}"
    return [
        Figure("memory of a worker on images in files", held, "MB", at_most=1_500, detail=what),
        Figure(
            "epoch: dlstudy / plain fit on image_dataset_from_directory", times[0] / times[1], at_most=1.2, detail=each
        ),
    ]


def make_images(folder: Path, n: int) -> None:
    """Writes a folder of two classes, with n images of little noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in "ab":
        (folder / label).mkdir(parents=True)
    for i in range(n):
        path = folder / "ab"[i % 2] / f"{i:06d}.png"
        if i < DIFFERENT:
            coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
            coarse.resize((SIDE, SIDE)).save(path, compress_level=1)
        else:
            path.hardlink_to(folder / "ab"[i % 2] / f"{i % DIFFERENT:06d}.png")


def main() -> None:
    way, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps((dlstudy_epoch if way == "dlstudy" else plain_epoch)(folder, rows)))


def dlstudy_epoch(folder: Path, rows: int) -> dict[str, float]:
    """Seconds of an epoch in a worker, the most MB that it held, and how long it took to read what images there are."""
    os.environ["DLSTUDY_CACHE"] = str(folder / "cache")
    from dlstudy.datasets.data import Data
    from dlstudy.datasets.own_cache import store_own
    from dlstudy.datasets.own_rows import plain_rows
    from dlstudy.engines.local import LocalEngine

    started = time.perf_counter()
    name = store_own(plain_rows(Data.images(folder / "images", stream=True)))
    reading = time.perf_counter() - started
    one = spec("image_nets", 0, dataset=name, epochs=EPOCHS, batch_size=BATCH, rows=rows, split=Split())
    with closing(LocalEngine(cpu_slots(1), name, prune_nothing)) as engine:
        (result,) = train(engine, [one])
    cost = result.cost
    return {"seconds": cost["seconds_per_epoch"], "memory_mb": cost["memory_mb"], "reading": reading}


def plain_epoch(folder: Path, rows: int) -> dict[str, float]:
    """Seconds of the last epoch of plain `fit`, with one thread as a worker has; `tf.data` takes what it wants."""
    import keras
    import tensorflow as tf

    from dlstudy.study import loader

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    batches = keras.utils.image_dataset_from_directory(
        folder / "images", image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, verbose=False
    )
    clock: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            clock.append(time.perf_counter())

    study = loader.load(STUDIES / "image_nets.py").study
    model = study.build({"input_shape": (SIDE, SIDE, 3), "n_classes": 2})
    model.fit(batches.take(-(-rows // BATCH)), epochs=EPOCHS, verbose=0, callbacks=[Clock()])
    return {"seconds": float(np.median(np.diff(clock)))}


if __name__ == "__main__":
    main()
