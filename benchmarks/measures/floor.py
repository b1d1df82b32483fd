"""The arithmetic of an epoch and nothing else: what no way of training can be faster than.

`python -m benchmarks.measures.floor REPEATS` gets ready, waits for a line, repeats the epoch and prints its seconds.
"""

import json
import os
import sys
import time
from collections.abc import Callable

N_STEPS = 1_719  # 55,000 rows in batches of 32


def make_epoch(n_steps: int = N_STEPS) -> Callable[[], object]:
    """An epoch: the five matrix products of each training step of the 784-128-10 net at batch 32, as one graph.

    The products of a step go through the loop's variables, so that none of them can be left out as unused.
    """
    import tensorflow as tf

    draw = tf.random.Generator.from_seed(0).normal
    x, w1, w2, error = draw((32, 784)), draw((784, 128)), draw((128, 10)), draw((32, 10))

    @tf.function
    def epoch() -> object:
        hidden, output = tf.matmul(x, w1), tf.zeros((32, 10))
        to_w2, to_hidden, to_w1 = tf.zeros((128, 10)), tf.zeros((32, 128)), tf.zeros((784, 128))
        for _ in tf.range(n_steps):
            hidden = tf.matmul(x, w1)
            output = tf.matmul(hidden, w2)
            to_w2 = tf.matmul(hidden, error, transpose_a=True)
            to_hidden = tf.matmul(error, w2, transpose_b=True)
            to_w1 = tf.matmul(x, to_hidden, transpose_a=True)
        return hidden, output, to_w2, to_hidden, to_w1

    epoch()
    return epoch


def seconds(epoch: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


def one_thread() -> None:
    """For processes that are not set up by dlstudy: as its workers are on a CPU."""
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main() -> None:
    one_thread()
    epoch = make_epoch()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps([seconds(epoch) for _ in range(int(sys.argv[1]))]), flush=True)


if __name__ == "__main__":
    main()
