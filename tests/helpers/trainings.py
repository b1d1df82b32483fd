"""A small net and small trials of real data, for the tests of what trains them."""

import dataclasses

from dlstudy.datasets import registry
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec
from dlstudy.training.arrays import prepare
from dlstudy.training.shared_memory import SharedArrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train


def context_of(name):
    dataset = registry.load(name)
    return DatasetContext(dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4))


def spec_of(dataset="digits", epochs=3, **changes):
    split = Split(0.2, test=0.2, random_state=1) if dataset == "diabetes" else Split(validation=0.25)
    params = {"learning_rate": 0.05, "batch_size": 32, "epochs": epochs, **changes.pop("params", {})}
    spec = TrialSpec(
        key="t#0", study_path="", dataset=dataset, arm="net", phase=Phase.REPLICATE, index=0, params=params, seed=11,
        epochs=epochs, batch_size=32, split=split, rows=400 if dataset == "digits" else None,
        read_test=ReadTest.AT_END,
    )  # fmt: skip
    return dataclasses.replace(spec, **changes)


def net(p):
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    optimizer = keras.optimizers.SGD(p["learning_rate"], momentum=0.9)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(context, spec, build=net, on_epoch=lambda epoch, metrics: True, on_checkpoint=lambda path: None, **functions):
    return train(spec, StudyFunctions(build, **functions), context, on_epoch, on_checkpoint)
