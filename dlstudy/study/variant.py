"""Variants: a study run differently from its file, with a name of its own in the record."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Description
from dlstudy.errors import UsageError
from dlstudy.study.claims import Claim
from dlstudy.study.objectives import HYPERVOLUME
from dlstudy.study.optuna_parts import canonical_part
from dlstudy.study.own_metrics import names_of
from dlstudy.study.protocol import Protocol
from dlstudy.study.split import Split
from dlstudy.study.study import Study

__all__ = ["PRUNERS", "SAMPLERS", "Variant"]

_FIXED_SAMPLERS = ("sobol", "random")
"""Those whose design is fixed in advance."""
SAMPLERS = (*_FIXED_SAMPLERS, "tpe")
PRUNERS = ("none", "median", "hyperband", "halving")

_FLAGS: Mapping[str, Mapping[str, int]] = {"quick": {"quick": True}, "aa-test": {"aa_test": 1}}
"""The field and its value for each word of a name that has none."""
_TEXTS, _NUMBERS = ("dataset", "sampler", "pruner"), ("epochs", "aa-test", "replication")
"""The words of a name that have a value."""
_EARLIER = {"control": "aa-test"}
"""The present words for those of version 1."""
_TO_EARLIER = {word: earlier for earlier, word in _EARLIER.items()}

_QUICK_EPOCHS = 2
_QUICK_TRIALS = 3
_QUICK_ROWS = 6_000
_SMALL_ROWS = 2_000

_MOST_AA_TESTS = 100
_MOST_REPLICATIONS = 999_999_999


@dataclass(frozen=True)
class Variant:
    """What differs from the study file in a way that changes what results mean.

    Trials and seeds are not part of it: they may grow. `str` gives its name in the record: `default`, or what differs,
    joined by `+`, as `quick+dataset=digits`; a later generation, begun with `--fresh`, ends in its number, as
    `default~2`.

    Args:
        quick: one search, and fewer epochs, rows and trials, for a first look; never fewer seeds. Small data keeps its
            epochs: there they cost next to nothing.
        dataset: another data set.
        epochs: another number of epochs.
        sampler: where the search's parameters come from: one of `SAMPLERS`, or one of Optuna's by name, with options.
        pruner: what ends hopeless trials early: one of `PRUNERS`, or one of Optuna's likewise. `halving` is successive
            halving, with the same budget for every arm.
        aa_test: A/A tests, each of two identical arms, to check for false positives.
        replication: which independent replication of the study, counted from 1: each draws its designs and seeds anew.
        generation: counts from 1.
    """

    quick: bool = False
    dataset: str | None = None
    epochs: int | None = None
    sampler: str = "sobol"
    pruner: str = "none"
    aa_test: int = 0
    replication: int = 1
    generation: int = 1

    def __post_init__(self) -> None:
        for name, allowed in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            value = getattr(self, name)
            if value not in allowed:
                if (written := canonical_part(f"{name}s", str(value))) is None:
                    raise UsageError(
                        f"--{name} must be one of {', '.join(allowed)}, or one of Optuna's by name, got {value!r}"
                    )
                object.__setattr__(self, name, written)
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"--epochs must be at least 1, got {self.epochs}")
        if not 0 <= self.aa_test <= _MOST_AA_TESTS:
            raise UsageError(f"--aa-test must be from 0 to {_MOST_AA_TESTS}, got {self.aa_test}")
        if not 1 <= self.replication <= _MOST_REPLICATIONS:
            raise UsageError(f"--replication must be from 1 to {_MOST_REPLICATIONS:,}, got {self.replication}")

    def __str__(self) -> str:
        words = [word if value is True else f"{word}={value}" for word, value in self.options.items()]
        return ("+".join(words) or "default") + (f"~{self.generation}" if self.generation > 1 else "")

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """The variant that `str` wrote, in this version or in version 1.

        Raises:
            UsageError: it is not such a name.
        """
        name, tilde, number = text.partition("~")
        words = [_EARLIER.get(word, word) for word in name.split("+")]
        fields: dict[str, Any] = {"generation": _whole(number) or 1}
        for word in words:
            option, _, value = word.partition("=")
            if word in _FLAGS:
                fields |= _FLAGS[word]
            elif option in _TEXTS and value:
                fields[option] = value
            elif option in _NUMBERS and _whole(value):
                fields[option.replace("-", "_")] = _whole(value)
        variant = cls(**fields)
        if str(variant) != f"{'+'.join(words)}{tilde}{number}":
            raise UsageError(f"no variant is named {short_repr(text)}: `dlstudy status` lists them")
        return variant

    @property
    def in_version_1(self) -> str:
        """What `str` gave in version 1."""
        name, tilde, number = str(self).partition("~")
        return "+".join(_TO_EARLIER.get(word, word) for word in name.split("+")) + tilde + number

    @property
    def options(self) -> dict[str, str | int | bool]:
        """What differs from the study file, as options of `dlstudy run` without their dashes; flags have True."""
        sampler = None if self.sampler == "sobol" else self.sampler
        pruner = None if self.pruner == "none" else self.pruner
        given = {
            "quick": self.quick or None, "dataset": self.dataset, "epochs": self.epochs, "sampler": sampler,
            "pruner": pruner, "aa-test": True if self.aa_test == 1 else self.aa_test or None,
            "replication": self.replication if self.replication > 1 else None,
        }  # fmt: skip
        return {word: value for word, value in given.items() if value is not None}

    @property
    def trains_as_stated(self) -> bool:
        """Whether its runs are of the settings that the study file states: A/A tests and replications change none."""
        return not self.options.keys() - {"aa-test", "replication"}

    def of_generation(self, number: int) -> "Variant":
        """The same variant in another generation."""
        return dataclasses.replace(self, generation=number)

    @property
    def order_matters(self) -> bool:
        """Whether results depend on the order in which trials end, and so on the number of workers."""
        return self.proposes or not (self.pruner == "none" or self.halves)

    @property
    def halves(self) -> bool:
        """Whether its searches go by successive halving."""
        return self.pruner == "halving"

    @property
    def proposes(self) -> bool:
        """Whether a sampler proposes parameters one after another, by what is known so far."""
        return self.sampler not in _FIXED_SAMPLERS

    def apply(self, study: Study, own: Description, used: Description) -> Study:
        """The study as this variant runs it.

        Args:
            study: as its file says.
            own: the data set that the file names.
            used: the data set of this variant. A stated number of validation rows keeps its share of all rows.

        Raises:
            UsageError: it prunes by a metric that is known at the end of a training only.
        """
        self._require_value_of_epochs(study)
        protocol = study.protocol.with_searches(1) if self.quick else study.protocol
        rows = min(protocol.rows or used.n_train, used.n_train)
        if self.quick:
            rows = min(rows, _QUICK_ROWS)
        factor = rows / min(protocol.rows or own.n_train, own.n_train)

        def resized(split: Split) -> Split:
            split = split.with_rows(own.stated_rows)
            if used != own:
                split = split.elsewhere(own.n_train, 0 if used.n_validation else own.n_validation)
            return split.scaled(factor)

        changed: Protocol = dataclasses.replace(
            protocol,
            epochs=self._limited({"epochs": protocol.epochs}, used)["epochs"],
            trials=min(protocol.trials, _QUICK_TRIALS) if self.quick else protocol.trials,
            rounds=0 if self.quick else protocol.rounds,
            rows=rows if rows < used.n_train else None,
            split=resized(protocol.split),
            reported_split=resized(protocol.reported_split) if protocol.reported_split else None,
        )
        arms = [
            dataclasses.replace(
                arm,
                reported_split=resized(arm.reported_split) if arm.reported_split else None,
                setting=self._limited(arm.setting, used),
                reported=None if arm.reported is None else self._limited(arm.reported, used),
                defaults=None if arm.defaults is None else self._limited(arm.defaults, used),
            )
            for arm in study.arms
        ]
        sweeps = [dataclasses.replace(sweep, fixed=self._limited(sweep.fixed, used)) for sweep in study.sweeps]
        changed_study = dataclasses.replace(
            study, dataset=used.name, protocol=changed, arms=arms, sweeps=sweeps, claims=self._claims(study, used)
        )
        return _with_aa_tests(changed_study, self.aa_test) if self.aa_test else changed_study

    def _require_value_of_epochs(self, study: Study) -> None:
        at_end = {**dict.fromkeys(names_of(study.metrics), "Study.metrics"), HYPERVOLUME: "Protocol.objectives"}
        metric = study.protocol.metric
        if self.pruner != "none" and metric in at_end:
            raise UsageError(
                f"--pruner needs a metric after each epoch, got {metric} of {at_end[metric]}, which is computed at the "
                "end of a training: leave --pruner out, or search by a metric of the model"
            )

    def why_not_comparable(self, used: Description) -> str:
        """Why runs on a data set cannot be compared with what is reported elsewhere; empty where they can."""
        if used.caveat:
            return f"the data is {used.caveat}"
        return "" if self.trains_as_stated else "this variant differs from what was reported"

    def _claims(self, study: Study, used: Description) -> list[Claim]:
        """The claims, of which those about results from elsewhere are not testable where nothing compares with them."""
        why = self.why_not_comparable(used)
        return [
            dataclasses.replace(claim, untestable=f"it is about results from elsewhere, and {why}")
            if why and not claim.untestable and len(study.trained(claim)) <= len(claim.than)
            else claim
            for claim in study.claims
        ]

    def _limited(self, values: Mapping[str, Any], used: Description) -> dict[str, Any]:  # Any: JSON scalars
        """Parameters with the epochs of this variant, where they state any."""
        limited = dict(values)
        if self.epochs is not None and "epochs" in limited:
            limited["epochs"] = self.epochs
        elif self.quick and used.n_train > _SMALL_ROWS:
            for name in {"epochs", "more_epochs"} & set(limited):
                limited[name] = min(limited[name], _QUICK_EPOCHS)
        return limited


def _whole(text: str) -> int | None:
    """The whole number in a text; None if there is none, or it is out of bounds."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _with_aa_tests(study: Study, n_tests: int) -> Study:
    """The study with copies of its first tuned arm, and the claims that of two such arms one is better.

    No two tests share an arm, so that they are independent: the first is of the arm and a copy, each other one of two
    further copies. Each is a copy of the one before, which gives it seeds of its own.
    """
    arm = next((arm for arm in study.arms if arm.space), study.arms[0])
    names = [arm.name, *(f"{arm.name}-copy" + (f"-{i}" if i > 1 else "") for i in range(1, 2 * n_tests))]
    copies = [
        dataclasses.replace(arm, name=name, copy_of=of, reported=None, defaults=None, text=f"a copy of {arm.name}")
        for of, name in pairwise(names)
    ]
    claims = [
        Claim(
            f"A/A test: {one} is better than {other}, its identical copy on other seeds",
            better=one,
            than=other,
            metric=study.test_metric,
            direction=study.protocol.direction,
            aa_test=True,
        )
        for one, other in zip(names[::2], names[1::2], strict=True)
    ]
    everyone = tuple(other.name for other in study.arms)
    sweeps = [dataclasses.replace(sweep, arms=sweep.arms or everyone) for sweep in study.sweeps]
    return dataclasses.replace(study, arms=[*study.arms, *copies], sweeps=sweeps, claims=[*study.claims, *claims])
