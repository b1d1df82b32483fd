"""Runs a program both ways and tells what differs.

A program is plain data: the data set, the trial that its trials have in common, and what each changes in it. Its trials
run in a row through `train` with one context, as in a worker; the reference is each trial alone, by plain `fit`.
"""

import dataclasses
import math
import shutil
import tempfile
import warnings
from collections import Counter

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec, TrialState
from dlstudy.training.arrays import Arrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.fuzz.callbacks import AFTER, callbacks_of, look_at, next_stage
from tests.fuzz.parts import CLASSES, compiled_model, prepare_of, read_globals, set_globals

__all__ = ["differences", "distances", "simplest"]

TOLERANCE = 1e-5
"""Of a value's size, and at least of 0.1: some tens of float32 roundings, for few steps at small rates."""

COARSE = 2e-2
"""Likewise where a program computes in bfloat16, whose values have eight bits."""

NUDGE = 3e-7
"""Of a weight: two or three float32 roundings."""

AMPLIFIED = 20
"""A difference counts where it is that much larger than what nudges of the initial weights make of themselves."""


def differences(program, ways=None):
    """What differs between the fast way and plain `fit`, a line each.

    Args:
        program: as in `programs.py`.
        ways: counts what trained the trials of the fast way.
    """
    at_rest, shared, found = read_globals(), context_of(program["data"]), []
    for i, change in enumerate(program["changes"]):
        trial = {**program["base"], **change}
        result, seen = outcome(trial, program["data"], shared)
        if ways is not None:
            ways[str(result.trained_by or result.state)] += 1
        left = {name: value for name, value in read_globals().items() if value != at_rest[name]}
        set_globals(at_rest)
        lines = [f"global settings left behind: {left}"] if left else []
        found += [f"trial {i}: {line}" for line in lines + against_plain_fit(trial, program["data"], result, seen)]
    return found


def against_plain_fit(trial, data, result, seen):
    """What differs in one trial."""
    coarse = "bfloat16" in repr(trial)
    one = as_tree(result, seen)
    other = as_tree(*alone(trial, data))
    if one["state"] == TrialState.FINISHED and str(other["reason"]).startswith(_ONLY_IN_FIT):
        return []
    suspects = {path: far for path, far in distances(one, other).items() if far > (COARSE if coarse else TOLERANCE)}
    if ("state",) in suspects:
        suspects = {("state",): math.inf, ("reason",): math.inf}
    # A number may by chance be calm under all nudges: the spread of all numbers of its kind decides.
    spread = Counter()
    for nudge in (1, 2, 3):
        if not suspects or math.isinf(min(suspects.values())):
            break
        for path, size in distances(as_tree(*alone(trial, data, nudge)), other).items():
            spread[path[:2]] = max(spread[path[:2]], size)
        suspects = {path: far for path, far in suspects.items() if far > AMPLIFIED * spread[path[:2]]}
    return [f"{' '.join(map(str, path))}: {text_at(one, path)} for {text_at(other, path)}" for path in suspects]


def alone(trial, data, nudge=0):
    """A trial by plain `fit`, in a process as at rest."""
    at_rest = read_globals()
    try:
        return outcome(trial, data, context_of(data, "by fit"), nudge)
    finally:
        set_globals(at_rest)


def context_of(data, graph_fault=""):
    """A context of made-up data."""
    rng = np.random.default_rng(0)
    shape, n, n_test = tuple(data["shape"]), data["rows"], 9
    x = rng.normal(size=(n + n_test, *shape)).round(3)
    if data.get("tokens"):
        x = rng.integers(0, 7, size=x.shape)
    x = x.astype(np.float64 if data.get("wide") else np.float32)
    target = data["target"]
    labelled = target in ("binary", "classes", "one-hot")
    n_classes = 0 if not labelled else 2 if target == "binary" else CLASSES
    signal = x.reshape(len(x), -1)[:, :3].sum(axis=1)
    y = (np.abs(signal * 2).astype(np.int32) % n_classes) if labelled else np.tanh(signal).astype(np.float64)
    parts = (x[:n], y[:n].astype(np.int32 if labelled else np.float64), x[n:], y[n:])
    description = Description(
        "made up", "made up", "classification" if labelled else "regression", shape, n_classes,
        tuple(map(str, range(n_classes))), n, n_test, "", 1.0, "", "", "",
    )  # fmt: skip
    return DatasetContext(description, Arrays(*parts, fits=True), graph_fault=graph_fault)


def outcome(trial, data, context, nudge=0):
    """The result of one trial, and what its own code has seen.

    Args:
        trial: its recipe.
        data: that of its data set.
        context: what it shares with others.
        nudge: the seed of roundings added to the initial weights; 0 for none.
    """
    seen, folder = [], tempfile.mkdtemp(prefix="fuzz-")
    prepare = prepare_of(data)
    arrays = (context.arrays.x, context.arrays.y)
    if prepare:
        arrays = prepare(*arrays, None, {})[:2]

    ends = []

    def build(p):
        for noted in (seen, ends):  # of a start that was given up
            noted.clear()
        model = compiled_model(trial, p["input_shape"], data)
        for name in trial.get("after", ()):
            AFTER[name](model)
        if nudge:
            nudged(model, p["input_shape"], nudge)
        return model

    def extra_metrics(model, x, y, p):
        ends.append(model)
        return look_at(model, trial, arrays, seen, at_end=len(ends) % 2 == 0)

    functions = StudyFunctions(
        build,
        prepare,
        lambda p: callbacks_of(trial, p, arrays, seen),
        (lambda model, p: next_stage(trial, model, p, arrays, seen, data)) if "stage" in trial else None,
        extra_metrics,
        class_weight=(lambda y, p: {0: 2.0, 1: 0.5}) if data.get("class_weight") else None,
    )
    prune_after = trial.get("prune_after", math.inf)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = train(spec_of(trial, folder), functions, context, lambda epoch, _: epoch < prune_after)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result, seen


def nudged(model, shape, seed):
    """Changes the initial weights by roundings, and 1 - beta_2 as TensorFlow's kernel of Adam rounds it: by 1e-5."""
    beta = getattr(model.optimizer, "beta_2", None)
    if isinstance(beta, float):
        model.optimizer.beta_2 = 1.0 - float(np.float32(1) - np.float32(beta))
    if not model.built:
        model.build((None, *shape))
    if not model.trainable_variables:  # of a subclassed model, whose layers are built as they are called
        model(np.zeros((1, *shape), np.float32))
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable * (1 + NUDGE * rng.choice([-1.0, 1.0], size=variable.shape).astype(variable.dtype)))


def spec_of(trial, folder):
    """What to train."""
    epochs = trial.get("epochs", 2)
    params = {"batch_size": trial.get("batch_size", 8), "epochs": epochs}
    params |= {"more_epochs": 2} if "stage" in trial else {}
    return TrialSpec(
        key="fuzz#0", study_path="made up", dataset="made up", arm="net", phase=Phase.REPLICATE, index=0,
        params=params, seed=trial.get("seed", 1), epochs=epochs, batch_size=params["batch_size"],
        split=Split(validation=trial.get("validation", 0.25)), restarts=trial.get("restarts", 1),
        read_test=ReadTest(trial.get("read_test", ReadTest.NEVER)), folder=f"{folder}/files",
    )  # fmt: skip


def as_tree(result, seen):
    """All that must be the same, as nested dicts and lists.

    Of a refusal, its reason: how far the trial had come by then depends on what is known when a graph is made. Of one
    by TensorFlow not even its words: they name the shapes that are known.
    """
    if result.state == TrialState.FAILED:
        reason = "an error of TensorFlow's" if result.reason.startswith(_BY_SHAPE) else result.reason
        return {"state": result.state, "reason": reason}
    kept = dataclasses.asdict(result)
    return {name: kept[name] for name in ("state", "reason", "metrics", "history", "correct")} | {"seen": seen}


_ONLY_IN_FIT = "OperatorNotAllowedInGraphError: "
"""How Keras's Muon fails where it asks for the shape of a gradient: `fit` does not know how large a batch is."""

_BY_SHAPE = ("ValueError: ", "InvalidArgumentError: ", "TypeError: Exception encountered when calling ")


def distances(one, other, path=()):
    """How far apart the values of two trees are, by path: infinite where they differ in kind."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(name for name in other if name not in one)]
        return merged(distances(one.get(name, MISSING), other.get(name, MISSING), (*path, name)) for name in names)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return {path: math.inf}
        return merged(distances(*pair, (*path, i)) for i, pair in enumerate(zip(one, other, strict=True)))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return {path: math.inf}
        return {path: relative(one, other)}
    if type(one) is type(other) is float:
        return {path: relative(np.float64(one), np.float64(other))}
    return {path: 0.0 if one == other else math.inf}


MISSING = "(absent)"


def relative(one, other):
    """The largest difference, of the size of the values; none between two NaN."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return math.inf
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    return float(np.max(np.abs(one - other) / np.maximum(np.abs(other), 0.1), initial=0.0))


def merged(parts):
    """One dict of several."""
    return {path: size for part in parts for path, size in part.items()}


def text_at(tree, path):
    """What is at a path, in few letters."""
    for name in path:
        tree = tree.get(name, MISSING) if isinstance(tree, dict) else tree[name]
    return " ".join(repr(tree).split())[:160]


def simplest(program, differs=differences):
    """A program with as little in it as still differs.

    Args:
        program: one that differs.
        differs: tells in what, and nothing where the two ways are the same.
    """
    tried = 0
    while tried < len(candidates := list(without_one(program))):
        try:
            differ = differs(candidates[tried])
        except Exception:  # what was left out was needed, by the program and not by a trial
            differ = []
        program, tried = (candidates[tried], tried) if differ else (program, tried + 1)
    return program


def without_one(program):
    """Programs with one thing less."""
    for i in range(len(program["changes"])):
        yield {**program, "changes": program["changes"][:i] + program["changes"][i + 1 :]}
    for part in ("base", "changes", "data"):
        for less in pruned(program[part]):
            if len(less) or part == "base":
                yield {**program, part: less}


def pruned(tree):
    """A tree of dicts and lists with one entry less, at any depth."""
    if isinstance(tree, dict):
        for name in tree:
            yield {key: value for key, value in tree.items() if key != name}
        for name, value in tree.items():
            yield from ({**tree, name: less} for less in pruned(value))
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from ([*tree[:i], less, *tree[i + 1 :]] for less in ([] if isinstance(value, str) else pruned(value)))
            yield tree[:i] + tree[i + 1 :]
    elif isinstance(tree, tuple) and tree and isinstance(tree[-1], dict) and tree[-1]:  # a name and its options
        yield tree[0]
        yield from ((tree[0], less) for less in pruned(tree[1]))
