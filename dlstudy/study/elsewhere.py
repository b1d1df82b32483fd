"""Results from elsewhere: what a paper, a colleague or another tool reports of a method that this study does not train.

Frozen, and checked when it is made; a broken rule raises `StudyError`. A file is read when its arm is made, and nothing
is asked of a server.
"""

import csv
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.readers.paths import located
from dlstudy.errors import StudyError
from dlstudy.study.claims import Claim, ClaimPhase
from dlstudy.study.metrics import has_no_unit, require_metric
from dlstudy.study.validation import is_count, is_number, require, require_text

__all__ = ["Elsewhere", "Figures", "check_comparison", "read_csv"]

_PHASES = (ClaimPhase.REPLICATE, ClaimPhase.REPORTED, ClaimPhase.DEFAULTS)
_SUMMARY = ("mean", "n", "sd")


@dataclass(frozen=True)
class Figures:
    """What is known of one metric.

    Args:
        mean: of the values.
        sd: their standard deviation, with n - 1; None for a single figure, whose spread nobody knows.
        n: how many there are.
        values: (n,) each of them; empty where only their mean and spread are known.
        seeds: (n,) the seed of each; empty where that is not known.
    """

    mean: float
    sd: float | None
    n: int
    values: Sequence[float] = ()
    seeds: Sequence[int] = ()

    @property
    def by_seed(self) -> dict[int, float]:
        """The values by their seeds; empty where these are not known."""
        return dict(zip(self.seeds, self.values, strict=False))

    @property
    def standard_error(self) -> float:
        """Of the mean; 0 for a single figure, which is taken as a fixed number."""
        return self.sd / math.sqrt(self.n) if self.sd else 0.0


@dataclass(frozen=True)
class Elsewhere:
    """The results of an arm that this study does not train.

    Args:
        results: what is known of each metric, by its name. One number is a single figure. A list has one value a run;
            a mapping of seeds to values, too. A mapping of `mean`, `sd` and `n` sums up at least two runs.
        source: where they are from, such as "Table 2 of Smith 2020".
    """

    results: Mapping[str, Any]  # as described
    source: str
    figures: Mapping[str, Figures] = field(init=False)

    def __post_init__(self) -> None:
        require_text("the source of results from elsewhere", self.source)
        require(
            isinstance(self.results, Mapping) and bool(self.results),
            f"results from elsewhere must map at least one metric to its values, got {short_repr(self.results)}",
        )
        for metric in self.results:
            require_metric("a metric from elsewhere", metric)
        found = {metric: _figures(f"{metric} from elsewhere", given) for metric, given in self.results.items()}
        for metric, known in found.items():
            _check_range(metric, known)
        object.__setattr__(self, "figures", MappingProxyType(found))
        object.__setattr__(self, "results", MappingProxyType(dict(self.results)))


def read_csv(path: str | Path, columns: Mapping[str, str], seed: str = "") -> dict[str, dict[int, float] | list[float]]:
    """The values in a CSV file with a row for each run, as `Elsewhere` takes them.

    Args:
        path: of the file, with the names of its columns in the first row; relative to the study file if it is there,
            else to the current folder.
        columns: metric to the column with its values.
        seed: the column with the seeds; empty where they are not known.

    Raises:
        DataError: it is no path.
        StudyError: the file cannot be read, or has no such column, no rows, or a cell that is no number.
    """
    is_named = isinstance(columns, Mapping) and all(isinstance(name, str) for name in columns.values())
    require(
        is_named and bool(columns),
        f"columns must map each metric to the name of its column in {path}, got {short_repr(columns)}",
    )
    rows = _rows(located(path), [*columns.values(), *([seed] if seed else [])])
    found: dict[str, dict[int, float] | list[float]] = {}
    for metric, column in columns.items():
        values = [_number(row[column], f"{path}, line {line}, column {short_repr(column)}") for line, row in rows]
        found[metric] = values
        if seed:
            seeds = [_seed(row[seed], f"{path}, line {line}, column {short_repr(seed)}") for line, row in rows]
            twice = sorted({each for each in seeds if seeds.count(each) > 1})
            require(not twice, f"{path} must have each seed once, got {twice[:1]} twice: keep one run of each")
            found[metric] = dict(zip(seeds, values, strict=True))
    return found


def check_comparison(claim: Claim, elsewhere: Mapping[str, Elsewhere]) -> None:
    """Checks that a claim about results from elsewhere compares what can be compared.

    Args:
        claim: that can be tested.
        elsewhere: the results from elsewhere of a study, by arm.
    """
    of, named = f"claim {short_repr(claim.text)}", [claim.better, *claim.than]
    known = [name for name in named if name in elsewhere]
    if not known:
        return
    require(
        claim.better not in elsewhere or len(known) == 1,
        f"{of} must compare with an arm that the study trains, got {' and '.join(known)}, which are from elsewhere",
    )
    for name in known:
        metrics = elsewhere[name].figures
        require(
            claim.metric in metrics,
            f"{of} is about {claim.metric}, got an arm {name} from elsewhere that gives {', '.join(metrics)}",
        )
    require(
        claim.phase in _PHASES and claim.epoch is None and claim.target is None,
        f"{of} with {known[0]} from elsewhere must compare ends of training (phase replicate, reported or defaults, no "
        f"epoch, no target), got phase {claim.phase}, epoch {claim.epoch}, target {claim.target}",
    )


def _figures(what: str, given: object) -> Figures:
    given = given.tolist() if hasattr(given, "tolist") else given  # of NumPy or pandas
    if is_number(given):
        return Figures(float(given), None, 1, (float(given),))  # type: ignore[arg-type]  # it is a number
    if isinstance(given, Mapping):
        return _summed_up(what, given) if set(given) & set(_SUMMARY) else _by_seed(what, given)
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return _of_values(what, list(given))
    raise StudyError(
        f"{what} must be a number, a list of values, a mapping of seeds to values, or one of mean, sd and n, got "
        f"{short_repr(given)}"
    )


def _summed_up(what: str, given: Mapping[Any, Any]) -> Figures:
    require(
        set(given) == set(_SUMMARY),
        f"{what} must have mean, sd and n, got {', '.join(map(str, given))}: for a single figure give the number alone",
    )
    mean, sd, n = given["mean"], given["sd"], given["n"]
    require(is_number(mean), f"{what}: mean must be a finite number, got {short_repr(mean)}")
    require(is_number(sd) and sd >= 0, f"{what}: sd must be a finite number, not negative, got {short_repr(sd)}")
    require(is_count(n) and n >= 2, f"{what}: n must be a whole number from 2 to 1,000,000, got {short_repr(n)}")
    return Figures(float(mean), float(sd), n)


def _by_seed(what: str, given: Mapping[Any, Any]) -> Figures:
    for seed in given:
        is_seed = isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
        require(is_seed, f"{what}: a seed must be a whole number, not negative, got {short_repr(seed)}")
    found = _of_values(what, list(given.values()))
    return Figures(found.mean, found.sd, found.n, found.values, tuple(given))


def _of_values(what: str, given: Sequence[Any]) -> Figures:
    require(bool(given), f"{what} must have at least one value, got none")
    for value in given:
        require(is_number(value), f"{what} must be finite numbers, got {short_repr(value)} among them")
    values = tuple(map(float, given))
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Figures(statistics.fmean(values), sd, len(values), values)


def _check_range(metric: str, known: Figures) -> None:
    """Checks that a share is one: a paper may give per cent."""
    if not has_no_unit(metric):
        return
    lowest = -math.inf if "r2" in metric or "r_squared" in metric else 0.0
    wrong = [value for value in known.values or (known.mean,) if not lowest <= value <= 1]
    require(
        not wrong,
        f"{metric} from elsewhere must be {'at most 1' if lowest else 'from 0 to 1'}, got "
        f"{short_repr(wrong[0] if wrong else 0)}: divide per cent by 100",
    )


def _rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file that are not empty, each with the number of its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"results from elsewhere must be a CSV file in UTF-8, got {path}: {error}") from error
    absent = [column for column in columns if column not in names]
    if absent:
        raise StudyError(f"{path} must have a column {short_repr(absent[0])}, got {', '.join(names) or 'none'}")
    require(bool(rows), f"{path} must have a row for each run, got none")
    return rows


def _number(cell: str | None, where: str) -> float:
    try:
        value = float(cell or "")
    except ValueError:
        value = math.nan
    require(math.isfinite(value), f"{where} must be a finite number, got {short_repr(cell)}: correct or drop that row")
    return value


def _seed(cell: str | None, where: str) -> int:
    """A seed, which pandas may have written as 7.0."""
    value = _number(cell, where)
    require(value >= 0 and value == int(value), f"{where} must be a seed, a whole number, got {short_repr(cell)}")
    return int(value)
