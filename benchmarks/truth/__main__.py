"""`python -m benchmarks.truth`: how often the tool's answers are true, in studies whose truth is known.

Tables, in a few minutes: whether the arm with the better optimum wins where its range was stated too low; how often
equal methods are told apart, and different ones; whether intervals over data sets, and over test rows, cover; how often
equal learners are told apart over resampled splits, and runs from equal results from elsewhere; how often intervals
over seeds hold, verdicts are false, and a difference of the size that a plan promises is found; what looking at a study
that grows costs.
"""

import argparse

from benchmarks.truth import data_sets, elsewhere, looks, methods, ranges, rows, splits, verdicts

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="simulated studies in each row, of verdicts 10 times")
    n_studies = parser.parse_args().studies
    tables = [part.table(n_studies) for part in (ranges, methods, data_sets, rows, splits, looks)]
    for lines in (*tables, elsewhere.table(10 * n_studies), verdicts.tables(10 * n_studies)):
        for line in lines:
            print(line, flush=True)
        print()
