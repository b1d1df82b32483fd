"""Initial weights: alike in all arms where shapes are, and digests that tell where they are not."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlstudy.study.trial import number_of

__all__ = ["digests", "seeds_apart"]

_MOST_DIGESTS = 60


@contextmanager
def seeds_apart(seed: int) -> Iterator[None]:
    """Meanwhile layers that draw numbers while they train (dropout, noise) take their seeds from a stream of their own.

    Initial weights then do not depend on whether, and where, a net has such layers.
    """
    from keras.src.random import seed_generator

    # Keras takes the seed of every initializer and of every SeedGenerator from Python's one `random`, in the order in
    # which layers are made: a dropout layer would give all layers after it other weights than the same net has without
    # it. A SeedGenerator finds this function in its own module, an initializer by a name elsewhere: so initializers
    # keep the stream that they have, and nets without such layers their numbers. There is no public way.
    original = seed_generator.make_default_seed
    stream = random.Random(number_of("seed generators", seed))
    seed_generator.make_default_seed = lambda: stream.randint(1, 10**9)
    try:
        yield
    finally:
        seed_generator.make_default_seed = original


def digests(model: Any) -> dict[str, str]:  # Any: a Keras model, built; not to be imported here
    """Eight hexadecimal digits for each trainable variable that was drawn: `{"kernel 784x128": "1f2e3d4c"}`.

    The second variable of a name and shape is `kernel 128x128 #2`: layers are called differently in each arm. Variables
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
