"""Stages of `--until-decided`: how many, from where, and when they end; trained by an engine that trains nothing."""

import pytest

from dlstudy.analysis.reading import summary_of
from dlstudy.analysis.results import ClaimSummary, Verdict
from dlstudy.errors import UsageError
from dlstudy.runner.session import Outcome
from dlstudy.runner.stages import next_stages, run_until_decided, stages_of
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.claims import Claim, ClaimPhase
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from tests.helpers import fake_runs
from tests.helpers.builders import make_study
from tests.helpers.fake_engine import FakeEngine, made_up

BETTER = Claim("a is better", better="a", than="b", metric="test_accuracy")


class Runs:
    """Runs of a study in a home, as `dlstudy run` makes them, and the numbers of seeds that were asked for."""

    def __init__(self, path, folder, result_of):
        self.file, self.home, self.asked = loader.load(path), Home.at(folder), []
        self.home.create()
        self._result_of = result_of

    def __call__(self, request):
        self.asked.append(request.seeds)
        n_trained = fake_runs.run(self.file.path, self.home, request, FakeEngine(self._result_of))
        return Outcome(summary_of(resolve(self.file, request), Record.open(self.home)), n_trained, [])

    def stages(self, request):
        return next_stages(resolve(self.file, request), request, Record.open(self.home, for_writing=False))

    def until_decided(self, request=None, said=None):
        request = request or Request()
        return run_until_decided(self, request, self.stages(request), (said if said is not None else []).append)


def ahead(by, noise=0.02):
    """Results in which the net is ahead by so much, with noise that depends on the seed."""

    def result_of(spec):
        value = 0.5 + noise * (made_up(spec).metrics["train_accuracy"] - 0.5) + (by if spec.arm == "net" else 0.0)
        metrics = dict.fromkeys(made_up(spec).metrics, value)
        return TrialResult(TrialState.FINISHED, metrics=metrics, cost={"seconds": 1.0})

    return result_of


def test_stages_grow_by_half_of_the_first_up_to_four_times_as_many():
    assert stages_of(make_study(seeds=8)).counts == [8, 12, 16, 20, 24, 28, 32]
    found = stages_of(make_study(searches=5, seeds=3))
    assert (found.option, found.counts) == ("searches", [5, 8, 11, 14, 17, 20])
    assert stages_of(make_study(seeds=16), planned=8, at_most=20).counts == [8, 12, 16, 20]
    assert stages_of(make_study(seeds=8), at_most=8).counts == [8]


@pytest.mark.parametrize("at_most", [7, 33, 0])
def test_stages_end_between_the_first_and_where_the_level_is_spent(at_most):
    with pytest.raises(UsageError, match=rf"--at-most must be from 8 seeds, the first stage, to 32, .* got {at_most}$"):
        stages_of(make_study(seeds=8), at_most=at_most)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(arms=("net",)), "--until-decided runs a study as a whole, got --phase or --arm: leave them out"),
        (Request(phases=("search",)), "--until-decided runs a study as a whole"),
    ],
)
def test_what_stages_cannot_do_is_refused(tiny, tmp_path, request_, message):
    with pytest.raises(UsageError, match=message):
        Runs(tiny, tmp_path / "home", made_up).stages(request_)


def test_a_study_without_claims_is_refused(tmp_path):
    study = make_study(claims=[Claim("cannot be tested", untestable="why")])
    with pytest.raises(UsageError, match=r"--until-decided needs claims, but s has none that can be tested"):
        next_stages(study, Request(), Record.open(Home.at(tmp_path), for_writing=False))


def test_a_clear_claim_is_decided_at_the_first_stage(tiny, tmp_path):
    runs, said = Runs(tiny, tmp_path / "home", ahead(0.3)), []
    outcome = runs.until_decided(said=said)
    assert (runs.asked, outcome.summary.claims[0].verdict) == ([6], "supported")
    assert said == ["6 seeds: every claim that more runs can decide is decided"]


def test_where_nothing_differs_it_goes_on_to_the_end_and_says_so(tiny, tmp_path):
    runs, said = Runs(tiny, tmp_path / "home", ahead(0.0)), []
    outcome = runs.until_decided(Request(at_most=12), said)
    assert (runs.asked, outcome.summary.claims[0].verdict) == ([6, 9, 12], "undecided")
    assert said[0] == "6 seeds: not yet decided: the net is better"
    assert said[-1] == "12 seeds: still undecided: the net is better"
    assert outcome.n_trained == len(outcome.summary.trials)
    assert outcome.summary.claims[0].deciding.looks.units == (6, 9, 12)


def test_it_goes_on_where_an_earlier_run_ended(tiny, tmp_path):
    runs = Runs(tiny, tmp_path / "home", ahead(0.0))
    runs(Request(seeds=10))
    assert runs.stages(Request()).counts == [10, 15, 20, 25, 30, 35, 40]
    runs.asked.clear()
    runs.until_decided(Request(at_most=15))
    assert runs.asked == [10, 15]
    assert runs.stages(Request(at_most=15)).counts == [15]
    assert runs.stages(Request(at_most=10)).counts == [10], "its verdicts are shown once more"


def test_a_new_generation_is_begun_once(tiny, tmp_path):
    runs = Runs(tiny, tmp_path / "home", ahead(0.0))
    runs(Request())
    runs.until_decided(Request(fresh=True, at_most=9))
    (generations,) = Record.open(runs.home, for_writing=False).variants("tiny").values()
    assert [str(variant) for variant in generations] == ["default", "default~2"]
    assert runs.asked == [None, 6, 9]


def test_it_stops_where_trainings_fail(tiny, tmp_path):
    def fails(spec):
        return TrialResult(TrialState.FAILED, "no") if spec.phase == "replicate" else made_up(spec)

    runs = Runs(tiny, tmp_path / "home", fails)
    assert runs.until_decided().summary.n_failed
    assert runs.asked == [6]


def test_a_claim_is_open_only_where_more_runs_can_decide_it():
    searches, seeds, stated = (
        stages_of(make_study(**changes)) for changes in ({"searches": 3}, {}, {"reported_seeds": 8})
    )

    def claim(phase, **changes):
        return ClaimSummary("x", changes.pop("verdict", Verdict.UNDECIDED), "test_accuracy", None, phase, **changes)

    decided = {phase.value: (seeds.decides(claim(phase)), searches.decides(claim(phase))) for phase in ClaimPhase}
    assert decided == {
        "replicate": (True, True), "tuning": (True, True), "reported": (True, False), "defaults": (True, True),
        "sweep": (False, False),
    }  # fmt: skip
    assert not stated.decides(claim(ClaimPhase.REPORTED))
    assert not seeds.decides(claim(ClaimPhase.REPLICATE, aa_test=True))
    assert not seeds.decides(claim(ClaimPhase.REPLICATE, verdict=Verdict.NOT_TESTABLE))
