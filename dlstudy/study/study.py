"""The study model: a question, its arms, its protocol, and what a document reports and claims about it.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`. Importing this module loads no
Keras and reads no file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.data import Data
from dlstudy.study.arm import Arm
from dlstudy.study.claims import SIGNIFICANCE, Claim, ClaimPhase, Derived, Reported, seeds_needed
from dlstudy.study.constraints import Constraint
from dlstudy.study.elsewhere import Elsewhere, check_comparison
from dlstudy.study.objectives import Objective
from dlstudy.study.own_metrics import Metric, check_uses, frozen_metrics
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Protocol, Sweep
from dlstudy.study.split import Split
from dlstudy.study.validation import (
    item_named,
    items_of,
    paths_of,
    require,
    require_function,
    require_name,
    require_text,
)

__all__ = ["Arm", "Constraint", "Objective", "Study"]

_REQUIRED: Any = None  # Any: what follows a field that may be left out needs a default; None is refused

_ARGUMENTS = {
    "prepare": "x, y, train, p", "callbacks": "p", "continue_training": "model, p", "extra_metrics": "model, x, y, p",
    "figures": "model, x, y, p", "class_weight": "y, p",
}  # fmt: skip
"""Of the functions that may be left out."""

Function = Callable[..., Any]
"""A function of a study file. Any: models, arrays and figures, whose types this module must not import."""


@dataclass(frozen=True)
class Study:
    """A question, its data, its arms and its protocol.

    Only `build` is needed; the other functions let a study prepare its data, control a training and inspect models.
    In all of them `p` is a dict: the arm's setting, the trial's parameters, `batch_size`, `epochs`, `seed`,
    `input_shape`, `n_classes`, `n_train` (rows that train) and `feature_names` (of a table's columns, else empty). In
    all but `prepare` it has the trial's own folders too: files in `p["artifacts"]` become artifacts of the trial's
    MLflow run, TensorBoard's logs go into `p["logs"]`, and everything else in `p["folder"]` is deleted when the trial
    has ended. What any of them gives to MLflow's fluent interface (`mlflow.log_metric`, `log_artifact`, `set_tag`,
    `start_run`, `autolog`, ...) lands in that run.

    Args:
        question: one sentence that ends in a question mark, as a reader would ask it.
        dataset: the name of a data set (`dlstudy data list`); empty where the study has rows of its own.
        build: `build(p)` returns a compiled Keras model or a scikit-learn estimator. `build(p, data)` gets the
            rows that train too, as `prepare` returns them, in `data.x`, `data.y` and `data.weight`: for `adapt`.
        arms: at least one that is trained; those from elsewhere (`Arm.from_results`) are then in `elsewhere`.
        protocol: how every arm is treated.
        sweeps: stated values at which the arms are trained beside their search.
        reported: what the document reports of runs.
        derived: what the document reports and arithmetic can check.
        claims: what the document claims.
        rank_arms: whether the arms are alternatives, of which one may be best; otherwise the verdicts on the claims are
            the answer.
        remarks: notes for readers, such as where the document contradicts itself.
        other_datasets: further data sets that the study makes sense on (`--dataset`).
        prepare: `prepare(x, y, train, p)` returns x and y as the arm sees them, or x, y and a weight of each row. It
            gets all rows, the training part and then the test part, and the numbers (n,) of the rows that train: fit a
            scaling to those alone. x and y may be of any numbers and shape, and a dict, list or tuple of arrays for
            several inputs or outputs; `x, x` is for an autoencoder.
        callbacks: `callbacks(p)` returns Keras callbacks.
        continue_training: `continue_training(model, p)` is called after the training of an arm whose setting has
            `more_epochs`; returns a compiled model, to train for that many epochs, and a list of its callbacks.
        extra_metrics: `extra_metrics(model, x, y, p)` returns more metrics of a model, as a dict of numbers: of a Keras
            model before the first step and after the last (`train_start_...`, `train_end_...`), of an estimator after
            `fit`. It gets the training rows, 20,000 at most.
        class_weight: `class_weight(y, p)` returns weights by class, as Keras's `fit` takes them: in `{1: 9}`, class 1
            weighs 9 and every other 1. It gets the targets of the training rows, which alone are weighted.
        data: rows of its own: a `Data`, or a function without arguments that returns one, called before each run.
        prepare_sees_all_rows: whether `prepare` may fit to rows that validate or test too, as a document did whose
            figures are to be reproduced; reports say so. Else that is refused before the first trial.
        figures: `figures(model, x, y, p)` returns figures of a winner by title, a dict of matplotlib's `Figure`. It
            gets the test rows.
        metrics: further metrics by name, each computed once, at the end of a training: `{"f1": "f1_macro"}` gives
            `val_f1`, `test_f1` and `train_end_f1`; `{"test_f1": ...}` gives that alone. See `dlstudy.study.own_metrics`
            for what may stand there: the name of a scikit-learn scorer, a scorer, or `metric(y_true, y_pred)`.
        files: paths, relative to the study file, of files and folders that it reads and that Python does not open, as
            by h5py or `tf.io`; others are noticed. A change of any is a change of the study.
        elsewhere: the arms that are not trained; `arms` may hold them instead.
    """

    question: str
    dataset: str = ""
    build: Function = _REQUIRED
    arms: Sequence[Arm] = ()
    protocol: Protocol = field(default_factory=Protocol)
    sweeps: Sequence[Sweep] = ()
    reported: Sequence[Reported] = ()
    derived: Sequence[Derived] = ()
    claims: Sequence[Claim] = ()
    rank_arms: bool = True
    remarks: Sequence[str] = ()
    other_datasets: Sequence[str] = ()
    prepare: Function | None = None
    callbacks: Function | None = None
    continue_training: Function | None = None
    extra_metrics: Function | None = None
    figures: Function | None = None
    class_weight: Function | None = None
    data: Function | Data | None = None
    prepare_sees_all_rows: bool = False
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    files: Sequence[str] = ()
    elsewhere: Sequence[Arm] = ()

    def __post_init__(self) -> None:
        require_text("Study.question", self.question)
        require(
            isinstance(self.protocol, Protocol), f"Study.protocol must be a Protocol, got {short_repr(self.protocol)}"
        )
        self._check_data()
        require_function("Study.build", self.build, "p", "p, data")
        for name, arguments in _ARGUMENTS.items():
            require_function(f"Study.{name}", getattr(self, name), arguments, may_be_left_out=True)
        for name in ("rank_arms", "prepare_sees_all_rows"):
            value = getattr(self, name)
            require(isinstance(value, bool), f"Study.{name} must be True or False, got {short_repr(value)}")
        object.__setattr__(self, "files", paths_of("Study.files", self.files))
        kinds = {"sweeps": Sweep, "reported": Reported, "derived": Derived, "claims": Claim}
        for name in ("arms", "elsewhere"):
            object.__setattr__(self, name, items_of(f"Study.{name}", getattr(self, name), Arm))
        for name, kind in {**kinds, "remarks": str, "other_datasets": str}.items():
            object.__setattr__(self, name, items_of(f"Study.{name}", getattr(self, name), kind))
        object.__setattr__(self, "metrics", frozen_metrics("Study.metrics", self.metrics))
        arms = (*self.arms, *self.elsewhere)
        object.__setattr__(self, "arms", tuple(arm for arm in arms if arm.elsewhere is None))
        object.__setattr__(self, "elsewhere", tuple(arm for arm in arms if arm.elsewhere is not None))
        self._check_arms()
        self._check_sweeps()
        self._check_claims()
        check_uses(self.metrics, self.protocol, self.claims)
        self._check_seeds()

    def arm(self, name: str) -> Arm:
        """The arm of that name, one that is trained.

        Raises:
            StudyError: there is none, or its results are from elsewhere.
        """
        known = ", ".join(arm.name for arm in self.arms)
        require(
            self.results_of(name) is None,
            f"the results of arm {short_repr(name)} are from elsewhere, it is not trained: choose from {known}",
        )
        return item_named("arm", name, self.arms)

    def results_of(self, name: str) -> Elsewhere | None:
        """The results of the arm of that name, if they are from elsewhere; else None."""
        return next((arm.elsewhere for arm in self.elsewhere if arm.name == name), None)

    def trained(self, claim: Claim) -> list[Arm]:
        """The arms of a claim, without those from elsewhere."""
        return [self.arm(name) for name in (claim.better, *claim.than) if self.results_of(name) is None]

    @property
    def test_metric(self) -> str:
        """The test metric that corresponds to the metric of the search."""
        return self.protocol.test_metric

    @property
    def family(self) -> list[Claim]:
        """The claims that are judged together: those of the document that can be tested."""
        return [claim for claim in self.claims if not claim.untestable and not claim.aa_test]

    def sweep(self, name: str) -> Sweep:
        """The sweep of that name.

        Raises:
            StudyError: there is none.
        """
        return item_named("sweep", name, self.sweeps)

    def sweep_settings(self, sweep: Sweep, arm: Arm) -> list[dict[str, Any]]:  # Any: JSON scalars
        """The settings of an arm in a sweep, one for each point of the grid; none if the arm is not in it."""
        if sweep.arms and arm.name not in sweep.arms:
            return []
        known = {**(arm.reported or {}), **(arm.defaults or {})}
        own = {name: known[name] for name in arm.space if name in known}
        return [arm.applicable({**own, **sweep.fixed, **point}) for point in sweep.points_of(arm.name)]

    def has_phase(self, arm: Arm, phase: Phase) -> bool:
        """Whether an arm has anything to train in a phase."""
        if phase in (Phase.REPORTED, Phase.DEFAULTS):
            return arm.stated(phase) is not None
        return phase is not Phase.SWEEP or any(self.sweep_settings(sweep, arm) for sweep in self.sweeps)

    def split_of(self, arm: Arm, phase: Phase) -> Split:
        """The rows of an arm in a phase."""
        own = arm.reported_split or self.protocol.reported_split
        return own if phase is Phase.REPORTED and own else self.protocol.split

    def has_split_for_each_seed(self, phase: Phase) -> bool:
        """Whether resampled splits of a phase go by the seed; else by the search.

        What a search saw must not test its winner. So where arms are tuned, each search has one split, and with it its
        replicates, and the defaults that they are paired with. Stated settings have seen nothing.
        """
        return not (phase.is_repeated and any(arm.space for arm in self.arms))

    def split_number(self, phase: Phase, index: int, search: int) -> int:
        """Which of the resampled splits a trial has, from 0: the same one in every arm."""
        if self.has_split_for_each_seed(phase):
            return index * len(self.searches_of(phase)) + search - 1
        return search - 1

    def searches_of(self, phase: Phase) -> range:
        """The numbers of the searches that have a phase, counted from 1."""
        return range(1, 1 + (self.protocol.searches if phase.is_repeated else 1))

    def pairs_searches(self, claim: Claim) -> bool:
        """Whether a claim is about methods: it compares winners, at least one of them tuned.

        Where each search has a split of its own, its seeds are no independent units for other arms either.
        """
        has_split_for_each = bool(self.protocol.split.resample) and not self.has_split_for_each_seed(Phase.REPLICATE)
        is_tuned = any(arm.space for arm in self.trained(claim))
        return claim.phase.compares_winners and (is_tuned or has_split_for_each)

    def will_pair_searches(self, claim: Claim, protocol: Protocol) -> bool:
        """Whether a claim pairs whole searches, once all runs of a protocol are done."""
        return protocol.searches > 1 and self.pairs_searches(claim)

    def paired_units(self, claim: Claim, protocol: Protocol) -> int:
        """How many paired differences a claim rests on, searches or seeds, once all runs of a protocol are done."""
        if claim.sweep:
            return self.sweep(claim.sweep).seeds
        if claim.phase is ClaimPhase.REPORTED:
            return protocol.seeds_of(Phase.REPORTED)
        by_search = self.will_pair_searches(claim, protocol)
        return protocol.searches if by_search else protocol.seeds * protocol.searches

    def value_metric(self, arm: Arm, phase: Phase) -> str:
        """The metric that is the value of a trial: of test rows where the phase has no validation rows."""
        return self.protocol.metric if self.split_of(arm, phase).validation else self.test_metric

    def _check_data(self) -> None:
        require(
            self.data is None or isinstance(self.data, Data) or callable(self.data),
            f"Study.data must be a Data, or a function that returns one, got {short_repr(self.data)}",
        )
        require(
            bool(self.dataset) != (self.data is not None),
            "a study has either dataset, the name of a data set, or data, rows of its own, got "
            f"{'both' if self.dataset else 'neither'}: state one of them",
        )
        if self.data is None:
            require_name("Study.dataset", self.dataset)

    def _check_arms(self) -> None:
        others = f"only results from elsewhere ({self.elsewhere[0].name})" if self.elsewhere else "none"
        require(bool(self.arms), f"a study needs at least one arm, got {others}: fill Study.arms")
        names = [arm.name.lower() for arm in (*self.arms, *self.elsewhere)]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"arm names must differ by more than case, got {twice} twice: rename one")
        for arm in self.arms if type(self) is Study else ():  # a request may ask for fewer trials
            require(
                len(arm.start) <= self.protocol.trials,
                f"arm {arm.name}: start gives {len(arm.start)} settings, and a search begins with "
                f"{self.protocol.trials} trials: raise Protocol.trials, or leave some out",
            )
        continued = [arm.name for arm in self.arms if "more_epochs" in {**arm.setting, **arm.space}]
        require(
            bool(continued) == (self.continue_training is not None),
            "Study.continue_training is for arms whose setting has more_epochs, got "
            + (f"arm {continued[0]} with more_epochs and no function: add it" if continued else "no such arm: add it"),
        )
        copies = [arm.copy_of for arm in self.arms if arm.copy_of]
        self._require_arms("Arm.copy_of", copies)
        self._require_arms("Reported", [figure.arm for figure in self.reported])
        for figure in self.reported:
            arm = self.arm(figure.arm)
            require(
                arm.reported is not None,
                f"a reported figure needs the setting of its run, got Reported for {arm.name} without Arm.reported: "
                "add the setting",
            )

    def _require_arms(self, what: str, names: Sequence[str], others: Sequence[str] = ()) -> None:
        """Checks that these are arms that are trained, or among the others."""
        known = [*(arm.name for arm in self.arms), *others]
        unknown = [name for name in names if name not in known]
        require(
            not unknown,
            f"{what} must name arms of this study, got {short_repr(unknown[0] if unknown else '')}: "
            f"choose from {', '.join(known)}",
        )

    def _check_sweeps(self) -> None:
        names = [sweep.name for sweep in self.sweeps]
        require(len(set(names)) == len(names), f"sweep names must differ, got {names}: rename one")
        for sweep in self.sweeps:
            self._require_arms(f"sweep {sweep.name}", [*sweep.arms, *sweep.own])
            for arm in self.arms:
                settings = self.sweep_settings(sweep, arm)
                missing = next((setting for setting in settings if arm.active(setting).keys() - setting.keys()), None)
                require(
                    missing is None,
                    f"sweep {sweep.name} leaves parameters of arm {arm.name} open, got values for "
                    f"{sorted(missing or ())}: state the others in Sweep.fixed",
                )
                stated = [*sweep.fixed, *sweep.grid]
                absent = next((name for setting in settings for name in stated if name not in setting), "")
                require(
                    not absent,
                    f"sweep {sweep.name} gives arm {arm.name} {absent}, which does not exist at "
                    "its other values: leave it out, or state Sweep.arms",
                )

    def _check_claims(self) -> None:
        elsewhere = {arm.name: arm.elsewhere for arm in self.elsewhere if arm.elsewhere is not None}
        for claim in (claim for claim in self.claims if not claim.untestable):
            self._require_arms(f"claim {short_repr(claim.text)}", (claim.better, *claim.than), list(elsewhere))
            check_comparison(claim, elsewhere)
            if claim.sweep:
                self._check_sweep_of(claim)
            for arm in self.trained(claim):
                needed = claim.phase.stated_phase
                require(
                    needed is None or arm.stated(needed) is not None,
                    f"claim {short_repr(claim.text)} compares {claim.phase} settings, got arm {arm.name} without "
                    f"Arm.{needed}: add it",
                )

    def _check_sweep_of(self, claim: Claim) -> None:
        sweep = self.sweep(claim.sweep)
        unknown = {name: value for name, value in claim.at.items() if value not in sweep.grid.get(name, ())}
        require(
            not unknown, f"claim {short_repr(claim.text)} is about values of sweep {sweep.name}, got others: {unknown}"
        )
        absent = [name for name in (claim.better, *claim.than) if sweep.arms and name not in sweep.arms]
        require(
            not absent,
            f"claim {short_repr(claim.text)} compares arms of sweep {sweep.name}, got {absent}: add them to it",
        )

    def _check_seeds(self) -> None:
        tested = self.family
        n_tests = sum(claim.n_hypotheses for claim in tested)
        needed = seeds_needed(n_tests)
        for claim in tested:
            seeds, what = self.paired_units(claim, self.protocol), "Protocol.seeds"
            if claim.sweep:
                what = f"seeds of sweep {claim.sweep}"
            elif claim.phase is ClaimPhase.REPORTED:
                what = "Protocol.reported_seeds"
            has_no_pairs = len(self.trained(claim)) < 2  # Welch's t has no smallest p
            require(
                seeds >= needed or has_no_pairs or self.will_pair_searches(claim, self.protocol),
                f"{len(tested)} claims need at least {needed} seeds to reach significance "
                f"(2 / 2^seeds must not exceed {SIGNIFICANCE} / {n_tests}), got {seeds}: raise {what}",
            )
