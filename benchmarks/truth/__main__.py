"""`python -m benchmarks.truth`: how often the tool's answers are true, in studies whose truth is known.

Tables, in a few minutes: whether the arm with the better optimum wins where its range was stated too low; how often
equal methods are told apart, and different ones; whether intervals over data sets, and over test rows, cover.
"""

import argparse

from benchmarks.truth import data_sets, methods, ranges, rows

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="simulated studies in each row")
    n_studies = parser.parse_args().studies
    for part in (ranges, methods, data_sets, rows):
        for line in part.table(n_studies):
            print(line, flush=True)
        print()
