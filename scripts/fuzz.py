"""Train random programs the fast way and by plain `fit`, and show where the two differ.

    python -m scripts.fuzz --programs 2000 --seed 1

A program is a few trials in a row in one worker (tests/fuzz/programs.py). Each difference is shown with the smallest
program that has it, as plain data: `python -m scripts.fuzz --program "{...}"` runs one again. Exit code 1 where any
differs.
"""

import argparse
import ast
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter

AT_ONCE = 50
"""Programs of one process: TensorFlow keeps something of every graph that it traced."""


def main():
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz", allow_abbrev=False)
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--skip", type=int, default=0, help=f"programs to leave out, run before: a multiple of {AT_ONCE}"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    parser.add_argument("--program", type=ast.literal_eval, help="run this one, as it was shown")
    given = parser.parse_args()
    if given.program:
        lines = run_one(given.program)
        print(*(lines or ["no difference"]), sep="\n")
        return 1 if lines else 0
    sizes = [min(AT_ONCE, given.programs - i) for i in range(0, given.programs, AT_ONCE)]
    jobs = [(given.seed * 100_000 + i, n) for i, n in enumerate(sizes)][given.skip // AT_ONCE :]
    counts, started = Counter(), time.time()
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(given.workers, maxtasksperchild=1) as pool:
        for one in pool.imap_unordered(run_some, jobs):
            counts += one
            print(f"{time.time() - started:.0f} s: {describe(counts)}", flush=True)
    return 1 if counts["differ"] else 0


def describe(counts):
    """The counts in one line."""
    ways = ", ".join(f"{name} {n}" for name, n in sorted(counts.items()) if name not in ("programs", "differ"))
    return f"{counts['programs']} programs, {counts['differ']} differ; trials: {ways}"


def run_one(program):
    """The differences of one program."""
    quiet()
    from tests.fuzz.compare import differences

    return differences(program)


def run_some(job):
    """Runs programs from a seed, and shows the smallest of those that differ; their counts."""
    seed, n = job
    quiet()
    import hypothesis

    from tests.fuzz.compare import differences, simplest
    from tests.fuzz.programs import programs

    counts, tried = Counter(), set()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=n, deadline=None, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(programs())
    def each(program):
        hypothesis.assume(repr(program) not in tried)
        tried.add(repr(program))
        counts["programs"] += 1
        try:
            lines = differences(program, counts)
            small = simplest(program) if lines else program
            lines = lines and (differences(small) or lines)
        except Exception:  # which Hypothesis would hide behind one of its own, as no program runs twice here
            small, lines = program, [traceback.format_exc()]
        if lines:
            counts["differ"] += 1
            text = "\n  ".join(lines[:4])
            print(f"{small}\n  {text}", flush=True)

    each()
    return counts


def quiet():
    """Keeps TensorFlow's log off the terminal, and collections of garbage rare, as the tests do."""
    import gc

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras  # noqa: F401

    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


if __name__ == "__main__":
    sys.exit(main())
