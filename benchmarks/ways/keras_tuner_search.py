"""KerasTuner's RandomSearch over the six settings.

It never tries a setting twice, and here it finds all six: a seed with which it gave up early (it stops after 20 draws
that are known already) is replaced by the next one, before anything is trained.
"""

from typing import Any

import keras
import keras_tuner

from benchmarks.ways.common import BATCH_SIZE, Job, build, job, load, settings, tell

NAMES = list(settings())


class Net(keras_tuner.HyperModel):
    """The net; keeps each setting's accuracy after the last epoch, where the tuner keeps the best epoch's."""

    def __init__(self) -> None:
        super().__init__()
        self.val_accuracy: dict[str, float] = {}

    def build(self, hp: Any) -> Any:
        return build(*settings()[NAMES[hp.Choice("setting", list(range(len(NAMES))))]])

    def fit(self, hp: Any, model: Any, *arguments: Any, **options: Any) -> Any:
        fitted = model.fit(*arguments, **options)
        self.val_accuracy[NAMES[hp.get("setting")]] = fitted.history["val_accuracy"][-1]
        return fitted


def main() -> None:
    given = job()
    (x, y), validation = load(given)
    net = Net()
    tuner = keras_tuner.RandomSearch(
        net,
        objective="val_accuracy",
        max_trials=len(NAMES),
        seed=good_seed(given),
        directory=given.folder,
        project_name="search",
    )
    keras.utils.clear_session()
    tuner.search(x, y, batch_size=BATCH_SIZE, epochs=given.epochs, validation_data=validation, verbose=0)
    tell(net.val_accuracy)


def good_seed(given: Job) -> int:
    """The first seed from the job's on with which the search draws every setting."""
    for seed in range(given.seed, given.seed + 100):
        hp = keras_tuner.HyperParameters()
        hp.Choice("setting", list(range(len(NAMES))))
        oracle = keras_tuner.oracles.RandomSearchOracle(
            objective="val_accuracy", max_trials=len(NAMES), hyperparameters=hp, seed=seed
        )
        oracle._set_project_dir(given.folder, f"seed-{seed}")
        if all(oracle.create_trial("one").status == "RUNNING" for _ in NAMES):
            return seed
    raise AssertionError("no seed draws all settings")


if __name__ == "__main__":
    main()
