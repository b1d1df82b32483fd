"""Optuna with `mlflow.tensorflow.autolog`, in one process, both in SQLite files.

A grid over the six settings. Of autolog's options those are off that cost time and that nobody asked for here: models,
checkpoints and data sets.
"""

import os

import keras
import mlflow
import optuna

from benchmarks.ways.common import BATCH_SIZE, OPTIMIZERS, RATES, build, job, load, tell


def main() -> None:
    given = job()
    os.chdir(given.folder)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{given.path / 'mlflow.db'}")
    mlflow.set_experiment("optimizers")
    mlflow.tensorflow.autolog(log_models=False, log_datasets=False, checkpoint=False, silent=True)
    (x, y), validation = load(given)
    val_accuracy: dict[str, float] = {}

    def objective(trial: optuna.Trial) -> float:
        optimizer = trial.suggest_categorical("optimizer", OPTIMIZERS)
        rate = trial.suggest_categorical("learning_rate", RATES)
        keras.utils.clear_session()
        with mlflow.start_run(run_name=f"trial {trial.number}"):
            fitted = build(optimizer, rate).fit(x, y, BATCH_SIZE, given.epochs, verbose=0, validation_data=validation)
        value = float(fitted.history["val_accuracy"][-1])
        val_accuracy[f"{optimizer} {rate:g}"] = value
        return value

    grid = optuna.samplers.GridSampler({"optimizer": OPTIMIZERS, "learning_rate": RATES}, seed=given.seed)
    storage = f"sqlite:///{given.path / 'optuna.db'}"
    study = optuna.create_study(storage=storage, sampler=grid, direction="maximize")
    study.optimize(objective, n_trials=len(OPTIMIZERS) * len(RATES))
    tell(val_accuracy)


if __name__ == "__main__":
    main()
