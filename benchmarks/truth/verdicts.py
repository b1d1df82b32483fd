"""How often intervals hold, verdicts are false, and what was promised is found, where the truth is known."""

from collections.abc import Callable, Iterator

import numpy as np

from dlstudy.analysis.inference import equivalence_p, paired_interval
from dlstudy.analysis.multiplicity import adjust
from dlstudy.analysis.sign_flips import asymmetry_p, sign_flip_interval, sign_flip_p, smallest_shift

__all__ = ["tables"]

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
"""(studies, seeds) paired differences with a mean of 0."""

_SYMMETRIC: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "t with 3 degrees": lambda rng, shape: rng.standard_t(3, shape),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "both arms exponential": lambda rng, shape: rng.exponential(size=shape) - rng.exponential(size=shape),
}
_SKEWED: dict[str, Draw] = {
    "one arm exponential": lambda rng, shape: rng.exponential(size=shape) - 1 + 0.5 * rng.standard_normal(shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "fails 1 in 10": lambda rng, shape: 0.1 - (rng.random(shape) < 0.1) + 0.02 * rng.standard_normal(shape),
}


def tables(n_studies: int) -> Iterator[str]:
    """Lines of four tables; each row rests on `n_studies` simulated studies."""
    yield from _intervals(n_studies)
    yield from _false_verdicts(n_studies)
    yield from _families(n_studies)
    yield from _power(n_studies)


def _intervals(n_studies: int) -> Iterator[str]:
    yield "differences | seeds | 95 % interval of sign flips holds the truth | Student's does"
    for name, draw in {**_SYMMETRIC, **_SKEWED}.items():
        for n in (6, 8, 12, 20):
            studies = draw(np.random.default_rng(n), (n_studies, n))
            ours, students = [], []
            for study in studies:
                for held, interval in ((ours, sign_flip_interval(study, 0.95)), (students, paired_interval(study))):
                    held.append(interval is not None and interval[0] <= 0 <= interval[1])
            yield f"{name} | {n} | {np.mean(ours):.1%} | {np.mean(students):.1%}"


def _false_verdicts(n_studies: int) -> Iterator[str]:
    """With equal means, what is decided is false of the mean; of arms that are not alike, it is true of most seeds."""
    yield "differences | seeds | decided | of these, said to be skewed"
    for name, draw in {**_SYMMETRIC, **_SKEWED}.items():
        for n in (8, 20):
            studies = draw(np.random.default_rng(n), (n_studies, n))
            decided = [study for study in studies if sign_flip_p(study) <= 0.05]
            said = np.mean([asymmetry_p(study) < 0.05 for study in decided]) if decided else 0.0
            yield f"{name} | {n} | {len(decided) / n_studies:.1%} | {said:.0%}"


def _families(n_studies: int) -> Iterator[str]:
    """Each claim has two hypotheses: no difference, and a difference as large as the margin."""
    yield "claims | true differences, in margins | any false verdict, unadjusted | adjusted"
    margin, n = 1.5, 12
    for of_each in ((1.0,), (1.0,) * 8, (0.0,) * 8, (0.0, 1.0) * 4, (0.0, 1.0, 0.5, 2.0) * 2):
        rng = np.random.default_rng(5)
        truth = np.array(of_each)
        false = np.zeros(2)
        for _ in range(n_studies):
            studies = rng.standard_normal((len(truth), n)) + margin * truth[:, None]
            ps = [[sign_flip_p(study), equivalence_p(study, margin)] for study in studies]
            for i, of_claims in enumerate((ps, adjust(ps))):
                wrong_way = (studies.mean(axis=1) < 0) | (truth == 0)
                false[i] += any(
                    (p <= 0.05 and wrong) or (p_equivalent <= 0.05 and abs(true) >= 1)
                    for (p, p_equivalent), wrong, true in zip(of_claims, wrong_way, truth, strict=True)
                )
        shown = ", ".join(f"{true:g}" for true in dict.fromkeys(of_each))
        yield f"{len(truth)} | {shown} | {false[0] / n_studies:.1%} | {false[1] / n_studies:.1%}"


def _power(n_studies: int) -> Iterator[str]:
    yield "seeds | claims | smallest difference, in sd | found"
    for n in (6, 7, 8, 10, 12, 13, 16, 24):
        for n_claims in (1, 2, 4, 8):
            shift = smallest_shift(n, 0.05 / n_claims)
            if np.isfinite(shift):
                studies = np.random.default_rng(n_claims).standard_normal((n_studies, n)) + shift
                found = [study.mean() > 0 and n_claims * sign_flip_p(study) <= 0.05 for study in studies]
                yield f"{n} | {n_claims} | {shift:.2f} | {np.mean(found):.0%}"
