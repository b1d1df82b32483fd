"""Plain Keras: `fit` in a loop, on NumPy arrays in memory, silent, with the session cleared between trainings."""

import keras

from benchmarks.ways.common import BATCH_SIZE, build, job, load, settings, tell


def main() -> None:
    given = job()
    (x, y), validation = load(given)
    val_accuracy = {}
    for name, setting in settings().items():
        keras.utils.clear_session()
        model = build(*setting)
        fitted = model.fit(x, y, BATCH_SIZE, given.epochs, verbose=0, validation_data=validation)
        val_accuracy[name] = fitted.history["val_accuracy"][-1]
    tell(val_accuracy)


if __name__ == "__main__":
    main()
