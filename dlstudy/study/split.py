"""Which rows train, validate and test, as a study states it. A broken rule raises `StudyError`."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.study.validation import enum_from, is_count, is_number, require

__all__ = ["EQUAL_ROWS", "STATED", "Resample", "Split"]

EQUAL_ROWS = "equal rows"
"""The name in `Split.groups` for rows of which all features are equal."""

STATED = "stated"
"""The name in `Split.validation` and `Split.groups` for what the data itself states."""

_MOST_ROWS = 10_000_000


class Resample(StrEnum):
    """How the splits of a resampled `Split` follow from each other."""

    RANDOM = "random"
    """Split number i is the one that `random_state + i` gives; number 0 is the split as it is without resampling."""
    FOLDS = "folds"
    """The test rows are each of k folds in turn, `test` being 1 / k; after k splits the rows are shuffled again."""
    GROUPS = "groups"
    """As `RANDOM`, with whole groups of rows in each part; the shares are those of the groups."""
    TIME = "time"
    """The rows, in their order, are k blocks, `test` being 1 / k: all before a block train and, last, validate."""


@dataclass(frozen=True)
class Split:
    """The rows for training, for validation and for testing.

    Args:
        validation: how many rows (int) or which share of them (float in [0, 1)) validate, 0 for none; or their numbers,
            counted from 0 in the training part; or `stated` for those that the data itself states.
        test: None for the data set's own test rows; else the share in (0, 1) that is split off first, the numbers of
            those rows, counted from 0, or the name under which the data set knows them.
        random_state: a number goes to scikit-learn's `train_test_split`; None takes the first rows, but draws as 0 does
            where rows of one's own may be sorted.
        resample: None for one split; else a kind of `Resample`. Each search then has a split of its own, where arms are
            tuned; where none is, each seed has one. See `Study.split_number`.
        groups: no group of rows is divided, and shares are those of the groups. The column of the data whose equal
            values are a group; `equal rows`; or `stated`, or their name, for the groups that the data itself states.
        stratify: each part has the classes in the same proportions, as by `train_test_split(stratify=y)`.
        last: the share in (0, 1) or the number of rows, the last in their order, that test; the last of the others
            validate. For data in the order of time.
    """

    validation: int | float | Sequence[int] | str = 0
    test: float | Sequence[int] | str | None = None
    random_state: int | None = None
    resample: Resample | None = None
    groups: str = ""
    stratify: bool = False
    last: int | float | None = None

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            rows = getattr(self, name)
            if isinstance(rows, list | range) and len(rows) <= _MOST_ROWS:
                object.__setattr__(self, name, tuple(rows))
        self._check_parts()
        if self.resample is not None:
            object.__setattr__(self, "resample", enum_from("Split.resample", Resample, self.resample))
        self._check_random_state()
        self._check_last()
        self._check_resampling()
        self._check_groups()
        self._check_stratify()

    def _check_parts(self) -> None:
        require(
            _is_number_or_share(self.validation) or self.states_validation,
            "Split.validation must be a number of rows, a share in [0, 1), different row numbers or 'stated', got "
            f"{short_repr(self.validation)}",
        )
        require(
            self.test is None or _is_share(self.test) or _are_rows(self.test) or _is_name(self.test),
            "Split.test must be None (the data set's own test rows), a share in (0, 1), different row numbers or the "
            f"name of stated rows, got {short_repr(self.test)}",
        )

    def _check_random_state(self) -> None:
        state = self.random_state
        require(
            state is None or (isinstance(state, int) and not isinstance(state, bool) and 0 <= state < 2**32),
            f"Split.random_state must be None or a whole number in [0, 2^32), got {short_repr(state)}",
        )
        require(
            not _is_share(self.test) or self.last is not None or state is not None or self.resample is Resample.TIME,
            f"Split.random_state must be a number when Split.test is a share, got {state!r}",
        )

    def _check_last(self) -> None:
        if self.last is None:
            return
        require(
            _is_share(self.last) or is_count(self.last),
            f"Split.last must be None, a share in (0, 1) or a number of rows from 1, got {short_repr(self.last)}",
        )
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            require(
                item.name in ("validation", "last") or value == item.default,
                f"Split.{item.name} must be left out where Split.last says which rows test, got {short_repr(value)}",
            )
        require(
            not self.states_validation,
            "Split.validation must be a number of rows or a share where Split.last says which rows test, got "
            f"{short_repr(self.validation)}",
        )

    def _check_resampling(self) -> None:
        if self.resample is None:
            return
        require(
            _is_share(self.test),
            f"Split.test must be a share in (0, 1) where splits are resampled, got {short_repr(self.test)}",
        )
        require(
            not self.states_validation,
            "Split.validation must be a number of rows or a share where splits are resampled, got "
            f"{short_repr(self.validation)}",
        )
        if self.resample in (Resample.FOLDS, Resample.TIME):
            require(
                abs(self.test * self.n_blocks - 1) < 1e-6,  # type: ignore[operator]  # a share, as was just checked
                f"Split.test must be 1 divided by a whole number where Split.resample is {self.resample.value!r}, as "
                f"0.2 for 5 blocks, got {self.test!r}",
            )
            fewest = 3 if self.resample is Resample.TIME else 2  # a single split forward in time is that by `last`
            require(
                self.n_blocks >= fewest,
                f"Split.test must be 1 / {fewest} at most where Split.resample is {self.resample.value!r}, got "
                f"{self.test!r}" + (": lower it, or state Split.last" if fewest == 3 else ""),
            )

    def _check_groups(self) -> None:
        require(
            isinstance(self.groups, str) and (self.groups != "" or self.resample is not Resample.GROUPS),
            "Split.groups must be the name of a column, 'equal rows' or 'stated' (or empty, where no groups are kept "
            f"whole), got {short_repr(self.groups)}",
        )
        if not self.groups:
            return
        require(
            self.resample not in (Resample.RANDOM, Resample.TIME),
            f"Split.resample must be None, 'groups' or 'folds' where groups are kept whole, got {str(self.resample)!r}",
        )
        require(
            self.random_state is not None,
            "Split.random_state must be a number where groups are kept whole, got None",
        )
        require(
            isinstance(self.validation, float) or self.validation == 0,
            f"Split.validation must be a share where groups are kept whole, got {short_repr(self.validation)}",
        )
        require(
            self.test is None or _is_share(self.test),
            f"Split.test must be None or a share where groups are kept whole, got {short_repr(self.test)}",
        )

    def _check_stratify(self) -> None:
        require(
            isinstance(self.stratify, bool), f"Split.stratify must be True or False, got {short_repr(self.stratify)}"
        )
        if not self.stratify:
            return
        require(
            not self.groups and self.resample is not Resample.TIME,
            "Split.stratify must be False where groups are kept whole or blocks of time test, got True",
        )
        require(
            self.random_state is not None,
            "Split.random_state must be a number where Split.stratify is True, got None",
        )

    def __repr__(self) -> str:
        # It is in the definition of every study, and beside it `resample` with its groups. What earlier versions did
        # not have is shown only where it is used.
        names = ["validation", "test", "random_state"]
        names += ["groups"] if self.groups and not self.resample else []
        names += [name for name in ("stratify", "last") if getattr(self, name)]
        return f"Split({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    @property
    def states_validation(self) -> bool:
        """Whether the validation rows are stated, by the study or by the data."""
        return self.validation == STATED or _are_rows(self.validation)

    @property
    def tests_inside(self) -> bool:
        """Whether the test rows are split off the training part; else they are the data set's own."""
        return self.test is not None or self.last is not None

    @property
    def n_blocks(self) -> int:
        """The folds, or the blocks of time, of which one tests."""
        return round(1 / self.test) if isinstance(self.test, float) else 1

    @property
    def most_splits(self) -> float:
        """How many different splits there are: the first block of time tests none."""
        if self.resample is None:
            return 1
        return self.n_blocks - 1 if self.resample is Resample.TIME else math.inf

    def with_rows(self, stated: Mapping[str, Sequence[int]]) -> "Split":
        """The same split with the row numbers that a data set states under its name.

        Raises:
            StudyError: the data set states no rows under that name.
        """
        if not isinstance(self.test, str):
            return self
        require(
            self.test in stated,
            f"Split.test must name rows that the data set states ({', '.join(stated) or 'none'}), got "
            f"{short_repr(self.test)}",
        )
        return dataclasses.replace(self, test=tuple(stated[self.test]))

    def scaled(self, factor: float) -> "Split":
        """The same split of a data set `factor` times as large: a number of validation rows scales, a share stays."""
        rows = round(self.validation * factor) if isinstance(self.validation, int) else self.validation
        return dataclasses.replace(self, validation=rows)

    def elsewhere(self, n_rows: int, n_stated: int = 0) -> "Split":
        """The same split for other data: row numbers, which mean nothing there, become shares, and rows are drawn.

        Args:
            n_rows: in the training part of the data set that the study names.
            n_stated: of them, those that it states for validation; 0 where the other data states such rows too.
        """
        changed: dict[str, Any] = {}  # Any: of several fields
        if isinstance(self.last, int):
            changed["last"] = self.last / n_rows
        if isinstance(self.test, tuple):
            changed["test"] = len(self.test) / n_rows
        n_validation = len(self.validation) if isinstance(self.validation, tuple) else 0
        if n_validation := n_validation or (n_stated if self.validation == STATED else 0):
            test = changed.get("test", self.test) or 0.0
            changed["validation"] = n_validation / (n_rows * (1 - test))
        if {"test", "validation"} & set(changed):
            changed["random_state"] = self.random_state or 0
        return dataclasses.replace(self, **changed)

    def __str__(self) -> str:
        validation, test = map(_in_words, (self.validation, self.test))
        if self.last is not None:
            test = f"the last {self.last}"
        resampled = f", resampled by {self.resample}" if self.resample else ""
        by = f"{' of' if self.resample else ', groups of'} {self.groups}" if self.groups else ""
        stratified = ", stratified" if self.stratify else ""
        return (
            f"validation {validation}, test {test or 'its own'}, random_state {self.random_state}{resampled}{by}"
            f"{stratified}"
        )


def _in_words(part: object) -> object:
    return f"{len(part)} stated rows" if isinstance(part, tuple) else part


def _is_number_or_share(validation: object) -> bool:
    if not is_number(validation):
        return False
    return 0 <= validation < (1 if isinstance(validation, float) else math.inf)  # type: ignore[operator]  # a number


def _is_share(part: object) -> bool:
    return isinstance(part, float) and 0 < part < 1


def _are_rows(part: object) -> bool:
    if not isinstance(part, tuple) or not part:
        return False
    whole = all(isinstance(row, int) and not isinstance(row, bool) and row >= 0 for row in part)
    return whole and len(set(part)) == len(part)


def _is_name(part: object) -> bool:
    return isinstance(part, str) and bool(part)
