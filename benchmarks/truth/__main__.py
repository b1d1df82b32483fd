"""`python -m benchmarks.truth`: how often the tool's answers are true, in studies whose truth is known.

One table, in a few minutes: whether the arm with the better optimum wins where its range was stated too low.
"""

import argparse

from benchmarks.truth import ranges

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="simulated studies in each row")
    print(*ranges.table(parser.parse_args().studies), sep="\n")
