"""What is trained, retried, resumed and refused, with an engine that trains nothing."""

import dataclasses

import optuna
import pytest

from dlstudy.analysis.results import FigureVerdict
from dlstudy.analysis.summary import summarize
from dlstudy.datasets import registry
from dlstudy.engines.base import TrialOutcome
from dlstudy.errors import RecordError, StudyError, UsageError
from dlstudy.runner import plan, recorder
from dlstudy.runner.plan import Plan, Selection
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.request import Request, resolve
from dlstudy.study.split import Split
from dlstudy.study.trial import OUT_OF_MEMORY, TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import Deaf, FakeEngine, made_up
from tests.helpers.fake_runs import begin_run


class Bench:
    """Runs a tiny study in a home as the command line would, and looks at what it left."""

    def __init__(self, path, home):
        self.path, self.home = path, Home.at(home)
        self.home.create()
        self.engine = FakeEngine()

    def run(self, request=None, engine=None, listener=None):
        self.engine = engine or FakeEngine()
        return fake_runs.run(self.path, self.home, request, self.engine, listener)

    def trials(self, variant="default"):
        return Record.open(self.home).trials("tiny", Variant.parse(variant))

    def table(self, variant="default"):
        return sorted(
            (t.phase, t.arm, t.search, t.index, t.seed, tuple(t.params.items()), tuple(t.metrics.items()))
            for t in self.trials(variant)
            if t.state.is_final
        )

    def summary(self, request=None):
        study = resolve(loader.load(self.path), request or Request())
        return summarize(study, self.trials(str(study.variant)))


@pytest.fixture
def bench(tiny, tmp_path):
    return Bench(tiny, tmp_path / "home")


def count(trials, **wanted):
    return sum(all(getattr(trial, name) == value for name, value in wanted.items()) for trial in trials)


def test_a_run_trains_every_phase_and_the_next_run_nothing(bench):
    assert bench.run() == 6 + 2 + 1 + 6 + 6  # reported net, search net, search logistic, replicates of both
    assert bench.engine.closed
    trials = bench.trials()
    assert count(trials, phase="reported", arm="net") == 6
    assert count(trials, phase="search", arm="net") == 2
    assert count(trials, phase="search", arm="logistic") == 1  # nothing to tune
    assert count(trials, phase="replicate") == 12
    assert bench.summary().complete
    assert bench.run() == 0


def test_to_plan_a_run_writes_nothing(bench):
    bench.run(Request(phases=("search",)))
    before = bench.home.journal.read_bytes()
    study = resolve(loader.load(bench.path), Request())
    plan = Plan(study, Selection.of(study, Request()), bench.trials())
    assert (plan.n_waiting, plan.n_missing) == (6 + 12, 6 + 12)
    assert plan.next().part.phase is Phase.REPORTED
    assert bench.home.journal.read_bytes() == before


def test_the_design_is_made_only_where_trials_are_missing(bench, monkeypatch):
    bench.run()
    made = []
    make = plan.fixed_design
    monkeypatch.setattr(plan, "fixed_design", lambda *args: made.append(args[2]) or make(*args))
    assert bench.run() == 0
    assert made == []
    bench.run(Request(trials=3))
    assert made == [3]


def test_every_arm_sees_the_same_seeds_and_no_phase_those_of_another(bench):
    bench.run()
    seeds = {}
    for trial in bench.trials():
        seeds.setdefault((trial.phase, trial.arm), []).append(trial.seed)
    assert seeds["replicate", "net"] == seeds["replicate", "logistic"]
    assert seeds["search", "net"][:1] == seeds["search", "logistic"]
    assert not set(seeds["replicate", "net"]) & set(seeds["search", "net"])
    assert not set(seeds["replicate", "net"]) & set(seeds["reported", "net"])


def test_only_replicates_and_reported_runs_read_the_test_rows(bench):
    bench.run()
    how = {(spec.phase, spec.read_test) for spec in bench.engine.trained}
    assert how == {("reported", ReadTest.EACH_EPOCH), ("search", ReadTest.NEVER), ("replicate", ReadTest.AT_END)}


@pytest.mark.parametrize("n_slots", [1, 2, 5])
def test_slots_and_the_order_of_ends_do_not_change_the_table(bench, tiny, tmp_path, n_slots):
    bench.run()
    other = Bench(tiny, tmp_path / "other home")
    other.run(engine=FakeEngine(newest_first=True, n=n_slots))
    assert other.table() == bench.table()


def test_the_winner_is_replicated(bench):
    bench.run()
    search = [trial for trial in bench.trials() if trial.phase == "search" and trial.arm == "net"]
    best = max(search, key=lambda trial: trial.value)
    replicates = [trial for trial in bench.trials() if trial.phase == "replicate" and trial.arm == "net"]
    assert {tuple(trial.params.items()) for trial in replicates} == {tuple(best.params.items())}


def test_a_longer_search_only_adds_and_keeps_replicates_of_an_unchanged_winner(bench):
    bench.run()
    before = bench.table()
    added = bench.run(Request(trials=9))
    after = bench.table()
    assert set(before) <= set(after)
    assert count(bench.trials(), phase="search", arm="net") == 9
    winners = {t.setting_key for t in bench.trials() if t.phase == "replicate" and t.arm == "net"}
    assert added == 7 + 6 * (len(winners) - 1)


def test_more_seeds_only_add(bench):
    bench.run()
    assert bench.run(Request(seeds=8)) == 3 * 2


def test_parts_run_on_their_own_and_add_up_to_the_whole(bench, tiny, tmp_path):
    bench.run()
    other = Bench(tiny, tmp_path / "parts")
    assert other.run(Request(phases=("search",), arms=("net",))) == 2
    assert other.run(Request(phases=("search",))) == 1
    assert other.run(Request(phases=("reported",))) == 6
    assert other.run(Request(phases=("replicate",))) == 12
    assert other.table() == bench.table()


def test_replicates_without_a_search_are_refused_with_what_is_missing(bench):
    with pytest.raises(UsageError, match="replicates of net need its search, which has 0 of 2 trials: run --phase"):
        bench.run(Request(phases=("replicate",)))
    assert Record.open(bench.home).variants("tiny") == {}


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (Request(phases=("train",)), UsageError, "one of reported, defaults, search, replicate, sweep, got 'train'"),
        (Request(arms=("nett",)), StudyError, "no arm 'nett': choose from net, logistic"),
        (Request(seeds=3), StudyError, "1 claims need at least 6 seeds"),
        (Request(trials=0), StudyError, "trials must be a whole number from 1 to 1,000,000, got 0"),
        (Request(searches=2), StudyError, "searches must be 1, or at least 3 to compare methods, got 2: .*--searches"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_written(bench, request_, error, message):
    with pytest.raises(error, match=message):
        bench.run(request_)
    assert bench.trials() == []


def test_a_lost_trial_is_tried_once_more(bench):
    lost = []

    def result_of(spec):
        if spec.phase == "search" and spec.index == 1 and not lost:
            lost.append(spec)
            return TrialResult(TrialState.LOST, "worker died")
        return made_up(spec)

    bench.run(engine=FakeEngine(result_of))
    tries = [trial for trial in bench.trials() if trial.phase == "search" and trial.arm == "net" and trial.index == 1]
    assert [trial.state for trial in tries] == ["lost", "finished"]
    assert tries[0].params == tries[1].params
    assert tries[0].seed == tries[1].seed


def test_a_trial_that_is_lost_twice_has_failed_for_that_reason_and_the_next_run_tries_it_again(bench):
    def result_of(spec):
        is_it = (spec.arm, spec.phase, spec.index) == ("net", "search", 1)
        return TrialResult(TrialState.LOST, "no message for 20 s") if is_it else made_up(spec)

    bench.run(engine=FakeEngine(result_of))
    tries = [trial for trial in bench.trials() if trial.phase == "search" and trial.arm == "net" and trial.index == 1]
    assert [(trial.state, trial.result.reason) for trial in tries] == [
        ("lost", "no message for 20 s"),
        ("failed", "no message for 20 s"),
    ]
    assert bench.run() == 1
    assert bench.summary().complete


def test_a_search_metric_that_the_last_stage_does_not_give_is_no_value(bench):
    def result_of(spec):
        result = made_up(spec)
        history = {"val_accuracy": [0.5] * 4, "val_accuracy_1": [None] * 4 + [0.1]}
        metrics = {"val_accuracy_1": 0.1, "train_accuracy": 0.9}
        return dataclasses.replace(result, history=history, metrics=metrics) if spec.phase == "search" else result

    bench.run(engine=FakeEngine(result_of))
    (found,) = {(trial.state, trial.result.reason) for trial in bench.trials() if trial.phase == "search"}
    assert found == (
        "failed",
        "val_accuracy has no value of the weights that the training ended with: its last one is of epoch 4 of 5, and "
        "at the end the model gives train_accuracy, val_accuracy_1; give the metric the same name in both stages, as "
        "in keras.metrics.AUC(name='auc')",
    )


def test_a_spec_holds_how_long_its_worker_may_be_silent(bench):
    bench.path.write_text(bench.path.read_text().replace("rows=600", "rows=600, silence_s=77"))
    bench.run()
    assert {spec.silence_s for spec in bench.engine.trained} == {77}


def test_how_long_a_worker_may_be_silent_is_not_part_of_the_definition(bench):
    bench.run()
    bench.path.write_text(bench.path.read_text().replace("rows=600", "rows=600, silence_s=77"))
    assert bench.run() == 0


def test_an_arm_that_fails_leaves_the_others_whole_and_is_tried_again_by_the_next_run(bench):
    def result_of(spec):
        return TrialResult(TrialState.FAILED, "no luck") if spec.arm == "logistic" else made_up(spec)

    bench.run(engine=FakeEngine(result_of))
    summary = bench.summary()
    assert not summary.complete
    assert summary.arms[0].best is not None
    assert summary.arms[1].best is None
    assert "no luck" in summary.arms[1].notes[0]
    assert bench.run() == 1 + 6
    assert bench.summary().complete


def test_a_diverged_trial_counts_in_the_budget_and_is_not_repeated(bench):
    def result_of(spec):
        return TrialResult(TrialState.DIVERGED, "loss") if spec.phase == "search" and spec.index == 0 else made_up(spec)

    bench.run(engine=FakeEngine(result_of))
    assert count(bench.trials(), arm="net", phase="search", state="diverged") == 1
    assert count(bench.trials(), arm="net", phase="search") == 2
    assert bench.run(Request(arms=("net",))) == 0


def test_a_trial_without_memory_is_tried_again_alone_and_then_has_failed(bench):
    tries, others = [], []

    def result_of(spec):
        if (spec.arm, spec.phase, spec.index) not in {("net", "replicate", 1), ("logistic", "replicate", 2)}:
            return made_up(spec)
        tries.append(spec.key)
        others.append(len(bench.engine._waiting))
        recovers = spec.arm == "net" and others[-1] == 0
        return made_up(spec) if recovers else TrialResult(TrialState.FAILED, f"{OUT_OF_MEMORY}: fewer workers")

    bench.run(engine=FakeEngine(result_of, n=3))
    assert others == [2, 2, 0, 0]
    states = {
        arm: [trial.state for trial in bench.trials() if (trial.arm, trial.phase, trial.index) == (arm, "replicate", i)]
        for arm, i in (("net", 1), ("logistic", 2))
    }
    assert states == {"net": ["lost", "finished"], "logistic": ["lost", "failed"]}
    assert bench.run() == 1


def test_a_limit_of_time_is_part_of_the_definition(bench):
    bench.run(Request(phases=("search",)))
    bench.path.write_text(bench.path.read_text().replace("rows=600", "rows=600, trial_minutes=7"))
    with pytest.raises(RecordError, match="trial_minutes"):
        bench.run(Request(phases=("search",)))


def test_a_metric_that_the_model_lacks_fails_the_trial_and_the_reason_names_those_it_has(bench):
    def result_of(spec):
        return TrialResult(TrialState.FINISHED, metrics={"val_loss": 1.0})

    bench.run(Request(phases=("search",)), engine=FakeEngine(result_of))
    (first, *_) = bench.trials()
    assert first.state == "failed"
    assert first.result.reason == "the model gives no metric val_accuracy: it gives val_loss"


def test_a_trial_whose_own_metric_of_the_search_has_no_finite_value_has_diverged(bench):
    source = bench.path.read_text()
    bench.path.write_text(
        source.replace("Study(", "Study(metrics={'f1': 'f1_macro'}, ", 1).replace(
            "Protocol(", "Protocol(metric='val_f1', ", 1
        )
    )

    def result_of(spec):
        return TrialResult(TrialState.FINISHED, metrics={"val_loss": 1.0}, remarks=["val_f1 is not kept"])

    bench.run(Request(phases=("search",), arms=("net",)), engine=FakeEngine(result_of))
    assert {(trial.state, trial.result.reason) for trial in bench.trials()} == {
        ("diverged", "val_f1 was no longer a finite number at the end of training")
    }
    assert bench.trials()[0].result.remarks == ("val_f1 is not kept",)


def test_ctrl_c_writes_down_what_was_in_flight_and_the_next_run_ends_with_the_same_table(bench, tiny, tmp_path):
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run()

    def result_of(spec):
        if spec.phase == "search" and spec.index == 1:
            raise KeyboardInterrupt
        return made_up(spec)

    with pytest.raises(KeyboardInterrupt):
        bench.run(engine=FakeEngine(result_of))
    assert bench.engine.closed
    assert count(bench.trials(), state="killed") >= 1
    assert count(bench.trials(), state="running") == 0
    done = len(bench.table())
    assert bench.run() == len(undisturbed.table()) - done
    assert bench.table() == undisturbed.table()


@pytest.mark.parametrize("step", ["begin", "end", "tell"])
def test_a_run_that_is_stopped_between_two_steps_leaves_nothing_open(bench, tiny, tmp_path, monkeypatch, step):
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run()
    owner = optuna.Study if step == "tell" else ArmRecord
    original, calls = getattr(owner, step), []

    def stopped_in(*args, **kwargs):
        calls.append(args)
        given = None if step == "tell" and len(calls) == 3 else original(*args, **kwargs)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return given

    monkeypatch.setattr(owner, step, stopped_in)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert count(bench.trials(), state="running") == 0
    n_done = {"begin": 1, "end": 3, "tell": 3}[step]  # a slot is free for the third when the first has ended
    assert len(bench.table()) == n_done
    assert bench.run() == len(undisturbed.table()) - n_done
    assert bench.table() == undisturbed.table()


def test_trials_left_by_a_dead_process_are_ended_and_trained_again(bench, tiny, tmp_path):
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run()
    plan, recorder = begin_run(bench.path, bench.home)
    begun = recorder.begin(plan.next())  # and then the process dies
    assert count(bench.trials(), state="running") == 1
    assert bench.run() == len(undisturbed.table())
    assert bench.table() == undisturbed.table()
    (orphan,) = [trial for trial in bench.trials() if trial.key == begun.key]
    assert orphan.state == "killed"
    assert "the process that ran the study ended" in orphan.result.reason


def test_a_result_that_a_dead_process_had_written_is_kept_though_its_trial_had_not_ended(
    bench, tiny, tmp_path, monkeypatch
):
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run()
    plan, recorder = begin_run(bench.path, bench.home)
    spec = recorder.begin(plan.next())
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", lambda *args, **kwargs: 1 / 0)  # the process dies here
        with pytest.raises(ZeroDivisionError):
            recorder.end(TrialOutcome(spec, made_up(spec)), "")
    assert count(bench.trials(), state="running") == 1
    assert bench.run() == len(undisturbed.table()) - 1
    assert bench.table() == undisturbed.table()
    assert count(bench.trials(), state="finished") == len(bench.trials())


def test_a_run_of_one_part_ends_what_a_dead_process_left_in_another(bench):
    plan, recorder = begin_run(bench.path, bench.home, Request(phases=["search"]))
    begun = recorder.begin(plan.next())
    bench.run(Request(phases=["reported"]))
    assert [trial.state for trial in bench.trials() if trial.key == begun.key] == ["killed"]


def test_other_data_is_another_definition(bench, monkeypatch):
    bench.run()
    other = dataclasses.replace(registry.describe("digits"), sha256="0" * 64)
    monkeypatch.setattr(registry, "describe", lambda name: other)
    with pytest.raises(RecordError, match=r"data is .digits 0000.* and was .digits"):
        bench.run()


def test_a_changed_definition_is_refused_with_what_changed_and_fresh_begins_beside_it(bench):
    bench.run()
    text = bench.path.read_text()
    bench.path.write_text(text.replace("Dropout(0.1)", "Dropout(0.3)").replace("1e-3, 1e-1", "1e-3, 1e-2"))
    with pytest.raises(
        RecordError, match="tiny/default/net/reported was begun with another definition: the code of build"
    ):
        bench.run()
    assert bench.run(Request(fresh=True)) == 21
    assert len(bench.table("default")) == len(bench.table("default~2")) == 21
    assert bench.run() == 0  # the newest generation is the one that continues


def test_reworded_claims_and_more_trials_are_no_other_definition(bench):
    bench.run()
    text = bench.path.read_text()
    changed = text.replace("the net is better", "the net wins").replace("A tiny study", "A small study")
    bench.path.write_text(changed.replace("trials=2", "trials=3"))
    assert bench.run(Request(phases=("search",))) == 1


def test_variants_live_side_by_side(bench):
    bench.run()
    before = bench.table()
    bench.run(Request(variant=Variant(epochs=1)))
    assert bench.table() == before
    assert len(bench.table("epochs=1")) == 21


def test_a_reported_figure_with_its_own_setting_is_trained_on_request_only(bench):
    text = bench.path.read_text()
    more = 'epoch=2), Reported("net", "test_accuracy", "0.9", epoch=2, setting={"batch_size": 64})]'
    bench.path.write_text(text.replace("epoch=2)]", more))
    bench.run()
    assert bench.summary().reported[1].verdict is FigureVerdict.NOT_RUN
    assert bench.run(Request(reported_variants=True)) == 6
    assert bench.summary().reported[1].n == 6
    assert {trial.params["batch_size"] for trial in bench.trials() if trial.phase == "reported"} == {32, 64}


def test_tpe_continues_after_a_stop_without_repeating_itself(bench):
    request = Request(variant=Variant(sampler="tpe"), trials=4, phases=("search",), arms=("net",))
    bench.run(request)
    bench.run(dataclasses.replace(request, trials=8))
    rates = [t.tuned["learning_rate"] for t in bench.trials("sampler=tpe")]
    assert len(set(rates)) == 8


def test_a_pruned_trial_is_done_but_never_wins(bench):
    def result_of(spec):
        if spec.phase == "search" and spec.arm == "net" and spec.index == 0:
            return TrialResult(TrialState.PRUNED, "pruned after epoch 1", {"val_accuracy": 2.0})
        return made_up(spec)

    bench.run(Request(variant=Variant(pruner="median")), engine=FakeEngine(result_of))
    trials = bench.trials("pruner=median")
    assert count(trials, state="pruned") == 1
    rows = {t.index: t.setting_key for t in trials if t.phase == "search" and t.arm == "net"}
    assert {t.setting_key for t in trials if t.phase == "replicate" and t.arm == "net"} == {rows[1]}


DEFAULTS_AND_SWEEP = [
    (
        "import Arm, Claim, Protocol, Reported, Split, Study",
        "import Arm, Claim, Protocol, Reported, Split, Study, Sweep",
    ),
    ('reported={"learning_rate": 0.05})', 'reported={"learning_rate": 0.05}, defaults={"learning_rate": 0.01})'),
    ('Arm("logistic", setting={"kind": "logistic"})', 'Arm("logistic", setting={"kind": "logistic"}, defaults={})'),
    ("    reported=[", '    sweeps=[Sweep("rates", {"learning_rate": [0.02, 0.03, 0.04]}, seeds=6)],\n    reported=['),
]


def edit(bench, *edits):
    text = bench.path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    bench.path.write_text(text)


@pytest.fixture
def study_with_sweep(bench):
    """The tiny study with defaults of both arms and a sweep."""
    edit(bench, *DEFAULTS_AND_SWEEP)
    return bench


def test_defaults_and_sweeps_are_trained_with_the_rest_and_then_repeat_nothing(study_with_sweep):
    assert study_with_sweep.run() == 21 + 2 * 6 + 2 * 3 * 6
    trials = study_with_sweep.trials()
    for arm in ("net", "logistic"):
        assert count(trials, phase="defaults", arm=arm) == 6
        assert count(trials, phase="sweep", arm=arm) == 18
    swept = [t.params["learning_rate"] for t in trials if t.phase == "sweep" and t.arm == "net"]
    assert {rate: swept.count(rate) for rate in swept} == {0.02: 6, 0.03: 6, 0.04: 6}
    assert {t.params["learning_rate"] for t in trials if t.phase == "defaults" and t.arm == "net"} == {0.01}
    assert study_with_sweep.summary().complete
    assert study_with_sweep.run() == 0


def test_defaults_have_the_seeds_of_the_replicates_and_a_sweep_its_own_at_every_point(study_with_sweep):
    study_with_sweep.run()
    seeds, swept = {}, {}
    for trial in study_with_sweep.trials():
        seeds.setdefault((trial.phase, trial.arm), {})[trial.index] = trial.seed
        if trial.phase == "sweep":
            swept.setdefault((trial.arm, trial.tuned["learning_rate"]), {})[trial.index] = trial.seed
    assert seeds["defaults", "net"] == seeds["replicate", "net"] == seeds["defaults", "logistic"]
    assert len(swept) == 6
    assert all(point == seeds["sweep", "net"] for point in swept.values())
    for phase in ("search", "replicate", "reported"):
        assert not set(seeds["sweep", "net"].values()) & set(seeds[phase, "net"].values())


def test_searches_and_sweeps_never_read_the_test_rows(study_with_sweep):
    study_with_sweep.run()
    how = {(spec.phase, spec.read_test) for spec in study_with_sweep.engine.trained}
    assert how == {
        ("reported", ReadTest.EACH_EPOCH), ("search", ReadTest.NEVER), ("replicate", ReadTest.AT_END),
        ("sweep", ReadTest.NEVER), ("defaults", ReadTest.AT_END),
    }  # fmt: skip
    assert not [t for t in study_with_sweep.trials() if t.phase in ("search", "sweep") and "test_accuracy" in t.metrics]


def test_a_stopped_sweep_continues_where_it_stopped(study_with_sweep, tiny, tmp_path):
    def result_of(spec):
        if (spec.phase, spec.arm, spec.index) == ("sweep", "logistic", 3):
            raise KeyboardInterrupt
        return made_up(spec)

    with pytest.raises(KeyboardInterrupt):
        study_with_sweep.run(engine=FakeEngine(result_of))
    done = len(study_with_sweep.table())
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run()
    assert 0 < study_with_sweep.run() == len(undisturbed.table()) - done
    assert study_with_sweep.table() == undisturbed.table()


def test_a_sweep_grows_by_what_was_added_alone(study_with_sweep):
    study_with_sweep.run()
    edit(study_with_sweep, ("[0.02, 0.03, 0.04]}, seeds=6", "[0.02, 0.03, 0.04, 0.05]}, seeds=7"))
    assert not study_with_sweep.summary().complete
    assert study_with_sweep.run() == 2 * (3 * 1 + 7)  # arms: a seed more for each of three rates, and a rate with seven
    assert study_with_sweep.run() == 0


def test_phases_are_run_on_their_own_by_name(study_with_sweep):
    assert study_with_sweep.run(Request(phases=("defaults",), arms=("net",))) == 6
    assert study_with_sweep.run(Request(phases=("sweep",))) == 36
    assert {trial.phase for trial in study_with_sweep.trials()} == {"defaults", "sweep"}


def test_other_defaults_are_refused(study_with_sweep):
    study_with_sweep.run()
    edit(study_with_sweep, ('defaults={"learning_rate": 0.01}', 'defaults={"learning_rate": 0.02}'))
    with pytest.raises(RecordError, match="tiny/default/net/defaults was begun with another definition: defaults is"):
        study_with_sweep.run()


def test_a_reported_setting_is_judged_on_the_rows_of_its_arm(bench):
    edit(
        bench,
        (
            'reported={"learning_rate": 0.05})',
            'reported={"learning_rate": 0.05}, reported_split=Split(9, test=[1, 0]))',
        ),
        ('setting={"kind": "logistic"})', 'setting={"kind": "logistic"}, reported={})'),
    )
    bench.run()
    split_of = {spec.arm: (spec.split, spec.read_test) for spec in bench.engine.trained if spec.phase == "reported"}
    assert split_of["net"] == (Split(9, test=(1, 0)), ReadTest.AT_END)
    assert split_of["logistic"] == (Split(), ReadTest.EACH_EPOCH)
    assert {spec.split for spec in bench.engine.trained if spec.phase != "reported"} == {Split(validation=200)}


@pytest.fixture
def without_test_rows(bench):
    """The tiny study on data without test rows of its own, a third of which its search leaves for the test."""
    edit(
        bench,
        ('dataset="digits"', 'dataset="diabetes"'),
        ("split=Split(validation=200)", "split=Split(0.25, test=0.3, random_state=1)"),
        (", rows=600", ""),
    )
    return bench


def test_a_reported_setting_without_test_rows_is_judged_by_its_training_rows(without_test_rows):
    without_test_rows.run(Request(phases=("reported",)))
    assert {spec.read_test for spec in without_test_rows.engine.trained} == {ReadTest.NEVER}
    trials = without_test_rows.trials()
    assert count(trials, phase="reported", state="finished") == 6
    assert all(trial.value == trial.metrics["train_accuracy"] for trial in trials)


def test_replicates_without_test_rows_are_refused(without_test_rows):
    edit(without_test_rows, ("test=0.3, ", ""))
    message = "replicates are judged on test rows, but diabetes has none .*: state Split.test"
    with pytest.raises(StudyError, match=message):
        without_test_rows.run()
    assert without_test_rows.trials() == []


def test_an_arm_s_own_rows_must_be_there(bench):
    edit(
        bench,
        ('reported={"learning_rate": 0.05})', 'reported={"learning_rate": 0.05}, reported_split=Split(0, [9999]))'),
    )
    with pytest.raises(StudyError, match=r"Split\.test names 1 rows up to 9999, but there are 1437: correct it"):
        bench.run()


def test_each_trial_has_a_folder_of_its_own(bench):
    bench.run()
    folders = [spec.folder for spec in bench.engine.trained]
    assert len(set(folders)) == len(folders)
    assert all(folder.startswith(f"{bench.home.files}/tiny/default/") for folder in folders)


THREE = Request(searches=3)


def test_each_search_has_a_design_seeds_and_replicates_of_its_own(bench):
    assert bench.run(THREE) == 8 + 3 * (2 + 1 + 6 + 6)
    trials = bench.trials()
    rates = [t.tuned["learning_rate"] for t in trials if t.phase == "search" and t.arm == "net"]
    assert len(set(rates)) == 6
    seeds = {}
    for trial in trials:
        seeds.setdefault((trial.phase, trial.arm), {}).setdefault(trial.search, []).append(trial.seed)
    for phase, n in (("search", 1), ("replicate", 6)):
        net, logistic = seeds[phase, "net"], seeds[phase, "logistic"]
        assert list(net) == list(logistic) == [1, 2, 3]
        assert all(net[k][:n] == logistic[k][:n] for k in net), "a search's seeds are the same for every arm"
        assert len({seed for of in net.values() for seed in of}) == sum(map(len, net.values()))
    for search in (1, 2, 3):
        best = max(
            (t for t in trials if (t.phase, t.arm, t.search) == ("search", "net", search)), key=lambda t: t.value
        )
        replicated = [t for t in trials if (t.phase, t.arm, t.search) == ("replicate", "net", search)]
        assert {tuple(t.params.items()) for t in replicated} == {tuple(best.params.items())}


def test_reported_settings_and_sweeps_have_no_search_and_defaults_have_them_all(study_with_sweep):
    assert study_with_sweep.run(THREE) == 8 + 3 * (2 + 1 + 2 * 6 + 2 * 6) + 2 * 3 * 6
    trials = study_with_sweep.trials()
    assert {t.search for t in trials if t.phase in ("reported", "sweep")} == {1}
    seeds = {}
    for trial in trials:
        seeds.setdefault((trial.phase, trial.arm, trial.search), set()).add(trial.seed)
    for search in (1, 2, 3):
        assert seeds["defaults", "net", search] == seeds["replicate", "net", search]
    assert study_with_sweep.summary(THREE).complete
    assert study_with_sweep.run(THREE) == 0


def test_more_searches_only_add_and_end_as_if_they_had_been_asked_for_at_once(bench, tiny, tmp_path):
    bench.run()
    before = bench.table()
    assert bench.run(THREE) == 2 * (2 + 1 + 6 + 6) + 2, "reported settings have 8 seeds beside several searches"
    assert set(before) <= set(bench.table())
    assert {spec.search for spec in bench.engine.trained if spec.phase != "reported"} == {2, 3}
    at_once = Bench(tiny, tmp_path / "at once")
    at_once.run(THREE, engine=FakeEngine(newest_first=True, n=3))
    assert at_once.table() == bench.table()
    assert bench.run() == bench.run(THREE) == 0
    assert bench.summary(THREE).complete


def test_a_search_that_was_stopped_continues_where_it_stopped(bench, tiny, tmp_path):
    def result_of(spec):
        if (spec.phase, spec.arm, spec.search, spec.index) == ("search", "net", 2, 1):
            raise KeyboardInterrupt
        return made_up(spec)

    with pytest.raises(KeyboardInterrupt):
        bench.run(THREE, engine=FakeEngine(result_of))
    done = len(bench.table())
    undisturbed = Bench(tiny, tmp_path / "undisturbed")
    undisturbed.run(THREE)
    assert bench.run(THREE) == len(undisturbed.table()) - done
    assert bench.table() == undisturbed.table()


def test_replicates_of_a_further_search_need_that_search(bench):
    bench.run()
    with pytest.raises(UsageError, match="replicates of net need its search, which has 0 of 2 trials: run --phase"):
        bench.run(Request(searches=3, phases=("replicate",)))


def test_trainings_of_all_searches_are_counted_together(bench):
    seen = []

    class Counting(Deaf):
        def ended(self, spec, trial, totals):
            seen.append(totals)

    assert begin_run(bench.path, bench.home, THREE)[0].n_missing == 53
    bench.run(THREE, listener=Counting())
    assert seen[-1] == {
        ("reported", "net"): (8, 8), ("search", "net"): (6, 6), ("search", "logistic"): (3, 3),
        ("replicate", "net"): (18, 18), ("replicate", "logistic"): (18, 18),
    }  # fmt: skip


def test_callbacks_of_each_search_write_into_folders_of_their_own(bench):
    edit(bench, ("    build=build,", "    build=build, callbacks=print,"))
    assert bench.run(THREE) == 53
    assert len({spec.folder for spec in bench.engine.trained}) == 53


def test_the_first_replicate_of_the_first_search_alone_keeps_its_model(bench):
    bench.run(THREE)
    kept = [spec for spec in bench.engine.trained if spec.model_folder is not None]
    assert sorted((spec.arm, spec.phase, spec.search, spec.index) for spec in kept) == [
        ("logistic", "replicate", 1, 0), ("net", "replicate", 1, 0),
    ]  # fmt: skip


def test_tpe_searches_in_each_search_anew(bench):
    bench.run(Request(variant=Variant(sampler="tpe"), searches=3, phases=("search",), arms=("net",)))
    rates = [t.tuned["learning_rate"] for t in bench.trials("sampler=tpe")]
    assert len(rates) == len(set(rates)) == 6


def test_a_record_knows_what_its_runs_were_made_with(bench, monkeypatch):
    def versions():
        return Record.open(bench.home).made_with("tiny", Variant())["keras"]

    monkeypatch.setattr(recorder, "made_with", lambda path: {"keras": "3.14"})
    bench.run()
    assert versions() == "3.14"
    monkeypatch.setattr(recorder, "made_with", lambda path: {"keras": "3.15"})
    bench.run()
    assert versions() == "3.14", "nothing was trained"
    bench.run(THREE)
    assert versions() == "3.14, 3.15"


AA_TEST = Request(variant=Variant(aa_test=True))


def test_the_copy_of_an_aa_test_is_searched_and_replicated_with_draws_of_its_own(study_with_sweep):
    assert study_with_sweep.run(AA_TEST) == 21 + 2 * 6 + 2 * 3 * 6 + 2 + 6
    trials = study_with_sweep.trials("aa-test")
    assert count(trials, arm="net-copy", phase="search") == 2
    assert count(trials, arm="net-copy", phase="replicate") == 6
    assert count(trials, arm="net-copy") == 8
    for phase in ("search", "replicate"):
        copy, net = ([t for t in trials if (t.arm, t.phase) == (arm, phase)] for arm in ("net-copy", "net"))
        assert not {t.seed for t in copy} & {t.seed for t in net}
        assert not {t.tuned["learning_rate"] for t in copy} & {t.tuned["learning_rate"] for t in net}
        assert {t.params["kind"] for t in copy} == {"net"}
    assert study_with_sweep.run(AA_TEST) == 0


def test_a_replication_draws_settings_and_seeds_anew_in_every_phase(study_with_sweep):
    n = study_with_sweep.run()
    first = study_with_sweep.table()
    assert study_with_sweep.run(Request(variant=Variant(replication=2))) == n
    assert study_with_sweep.table() == first
    one, two = study_with_sweep.trials(), study_with_sweep.trials("replication=2")
    assert {(t.phase, t.arm, t.index) for t in one} == {(t.phase, t.arm, t.index) for t in two}
    assert not {t.seed for t in one} & {t.seed for t in two}
    rates = [
        {t.tuned["learning_rate"] for t in trials if (t.phase, t.arm) == ("search", "net")} for trials in (one, two)
    ]
    assert len(rates[0] | rates[1]) == 4
    assert {t.params["learning_rate"] for t in two if t.phase is Phase.REPORTED} == {0.05}
    summary = study_with_sweep.summary(Request(variant=Variant(replication=2)))
    assert summary.complete
    assert summary.reported[0].verdict is not FigureVerdict.NOT_COMPARABLE


def test_a_round_of_a_replication_has_a_design_of_its_own(bench, monkeypatch):
    edit(bench, ("rounds=0", "rounds=1"))
    streams, drawn = [], plan.round_design
    monkeypatch.setattr(plan, "round_design", lambda *about: streams.append(about[-1]) or drawn(*about))
    for replication in (1, 2):
        bench.run(Request(variant=Variant(replication=replication), phases=("search",), arms=("net",)))
    assert streams == [(), ("replication 2",)]


def test_each_of_several_aa_tests_has_draws_of_its_own(bench):
    several = Request(variant=Variant(aa_test=2))
    assert bench.run(several) == 21 + 3 * (2 + 6)
    runs = [t for t in bench.trials("aa-test=2") if t.arm.startswith("net") and t.phase is Phase.REPLICATE]
    assert len({t.seed for t in runs}) == len(runs) == 4 * 6
    summary = bench.summary(several)
    assert [claim.against for claim in summary.claims if claim.aa_test] == ["net-copy", "net-copy-3"]
    assert summary.aa_tests.n == 2


def test_beside_a_copy_the_arms_train_as_they_do_without_one(study_with_sweep):
    study_with_sweep.run()
    study_with_sweep.run(AA_TEST)
    assert [row for row in study_with_sweep.table("aa-test") if row[1] != "net-copy"] == study_with_sweep.table()


def test_an_aa_test_reports_what_it_found_between_two_identical_arms(bench):
    bench.run(AA_TEST)
    summary = bench.summary(AA_TEST)
    assert summary.complete
    (document, copy) = summary.claims
    assert (document.aa_test, copy.aa_test) == (False, True)
    assert (copy.against, copy.n) == ("net-copy", 6)
    assert copy.p_adjusted == copy.p
    assert any(copy.pairs[0].differences)
    assert summary.reported[0].n == 6
    assert summary.reported[0].verdict is not FigureVerdict.NOT_COMPARABLE
