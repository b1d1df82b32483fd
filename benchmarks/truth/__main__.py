"""`python -m benchmarks.truth`: how often the tool's answers are true, in studies whose truth is known.

Tables, in a few minutes: how often equal learners are told apart over resampled splits, and whether the arm with the
better optimum wins where its range was stated too low.
"""

import argparse

from benchmarks.truth import ranges, splits

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="simulated studies in each row")
    n_studies = parser.parse_args().studies
    print(*splits.table(4 * n_studies), "", *ranges.table(n_studies), sep="\n")
