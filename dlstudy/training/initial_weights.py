"""Initial weights: the same in all arms where shapes are the same, and digests that show where they are not."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dlstudy.study.seeds import number_of
from dlstudy.training import private_names

__all__ = ["count_parameters", "digests", "seeds_apart"]

_MOST_DIGESTS = 60


@contextmanager
def seeds_apart(seed: int) -> Iterator[None]:
    """While active, layers that draw numbers in training (dropout, noise) take their seeds from a stream of their own.

    Initial weights then do not depend on whether, and where, a net has such layers.
    """
    # Keras takes the seed of every initializer and of every SeedGenerator from Python's one `random`, in the order in
    # which layers are made: a dropout layer would give all layers after it other weights than the same net has without
    # it. Initializers keep that stream, and nets without such layers their numbers.
    stream = random.Random(number_of("seed generators", seed))
    with ExitStack() as stack:
        try:
            stack.enter_context(private_names.default_seeds_from(lambda: stream.randint(1, 10**9)))
        except private_names.MISSING:
            pass  # the digests of the initial weights show it
        yield


def count_parameters(model: Any) -> int:  # Any: a Keras model; not to be imported here
    """How many numbers its weights hold: as `count_params`, for a model too that is built only in parts."""
    return sum(math.prod(weight.shape) for weight in model.weights)


def digests(model: Any) -> dict[str, str]:  # Any: a Keras model, built; not to be imported here
    """Eight hexadecimal digits for each trainable variable that was drawn: `{"kernel 784x128": "1f2e3d4c"}`.

    The second variable of a name and shape is `kernel 128x128 #2`: layers have different names in each arm. Variables
    of zeros and ones alone are left out, since nothing in them is drawn. More than 60 get one digest together.
    """
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for variable in model.trainable_variables:
        values = variable.numpy()
        if ((values == 0) | (values == 1)).all():
            continue
        name = f"{variable.name} {'x'.join(map(str, values.shape))}".strip()
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} #{seen[name]}"] = _digest(values.tobytes())
    if len(found) <= _MOST_DIGESTS:
        return found
    return {f"all {len(found)} weights together": _digest(repr(found).encode())}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]
