"""Ray Tune with one core a trial: data through the object store, TensorFlow with one thread, actors used again.

Nothing leaves the machine: Ray binds to loopback, without dashboard and usage statistics.
"""

import os
from typing import Any

os.environ |= {
    "RAY_DISABLE_USAGE_STATS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files of each trial
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

import ray
from ray import tune

from benchmarks.ways.common import BATCH_SIZE, build, job, load, settings, tell


def train(config: dict[str, Any], train_rows: Any, validation: Any, epochs: int) -> None:
    """One trial, in a process of its own or in one that has trained before."""
    import keras
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # this process has trained before, with one thread
        pass
    keras.utils.clear_session()
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: tune.report(dict(logs)))
    x, y = train_rows
    model = build(*settings()[config["setting"]])
    model.fit(x, y, BATCH_SIZE, epochs, verbose=0, validation_data=validation, callbacks=[report])


def main() -> None:
    given = job()
    train_rows, validation = load(given)
    ray.init(
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=1_000_000_000,
    )
    with_data = tune.with_parameters(train, train_rows=train_rows, validation=validation, epochs=given.epochs)
    tuner = tune.Tuner(
        tune.with_resources(with_data, {"cpu": 1}),
        param_space={"setting": tune.grid_search(list(settings()))},
        tune_config=tune.TuneConfig(metric="val_accuracy", mode="max", reuse_actors=True),
        run_config=tune.RunConfig(storage_path=given.folder, name="optimizers", verbose=0),
    )
    results = tuner.fit()
    tell({result.config["setting"]: result.metrics["val_accuracy"] for result in results if result.metrics})
    ray.shutdown()


if __name__ == "__main__":
    main()
