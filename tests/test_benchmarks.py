"""The benchmark's arithmetic, its options and its study files; nothing is measured here."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import children, showing, side_by_side, simulated_store
from benchmarks.figures import Figure, Way, compare
from benchmarks.keras_tests import __main__ as keras_tests
from benchmarks.measures import workers
from benchmarks.options import MEASURES, WAYS, parse
from benchmarks.ways import common, dlstudy_run
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.variant import Variant

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "benchmarks" / "studies").glob("*.py"))
UNITS = ("s", "ms", "MB", "%")
PLAIN = Way("keras", [100.0, 120.0, 80.0], {"a": [0.90, 0.91, 0.92], "b": [0.80, 0.81, 0.82]})


def way_like_plain(shift: float, name: str = "dlstudy", seconds: float = 10.0) -> Way:
    return Way(name, [seconds] * 3, {key: [v + shift for v in values] for key, values in PLAIN.val_accuracy.items()})


def test_the_ratio_is_of_medians_and_trials_a_minute_are_of_the_median_round():
    ours = way_like_plain(0.0)
    assert ours.times_faster_than(PLAIN) == pytest.approx(10.0)
    assert PLAIN.times_faster_than(ours) == pytest.approx(0.1)
    assert PLAIN.trials_a_minute == pytest.approx(60 * 2 / 100)
    assert PLAIN.mean_accuracy == pytest.approx(0.86)


def test_the_same_accuracy_is_ok_and_a_clear_loss_is_worse():
    assert compare(way_like_plain(0.0), PLAIN).verdict == "ok"
    assert compare(way_like_plain(0.05), PLAIN).verdict == "ok"
    worse = compare(way_like_plain(-0.05), PLAIN)
    assert worse.verdict == "FASTER BUT WORSE"
    assert worse.difference == pytest.approx(-0.05)


def test_a_loss_below_the_margin_counts_for_nothing():
    assert compare(way_like_plain(-0.002), PLAIN).ok


def test_one_setting_that_falls_far_short_is_named():
    values = {"a": [0.93, 0.94, 0.95], "b": [0.70, 0.71, 0.72]}
    found = compare(Way("dlstudy", [1.0], values), PLAIN)
    assert found.worse == ["b"]
    assert not found.ok


def test_the_tolerance_of_a_setting_comes_from_the_spread_between_rounds():
    # Variance 0.0001 everywhere, so t(1 - 0.025 / 2, 8 degrees) = 2.7515 times sqrt(2 * 0.0001 / 3).
    assert compare(way_like_plain(0.0), PLAIN).tolerance == pytest.approx(2.7515 * (2 * 0.0001 / 3) ** 0.5, rel=1e-4)


def test_one_round_judges_the_mean_alone():
    ours, theirs = (Way(name, [1.0], {"a": [0.9], "b": [0.8]}) for name in ("dlstudy", "keras"))
    found = compare(ours, theirs)
    assert found.tolerance is None
    assert found.ok


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("f", 2.0, at_most=2.0), True),
        (Figure("f", 2.1, at_most=2.0), False),
        (Figure("f", 5.0, at_least=5.0), True),
        (Figure("f", 4.9, at_least=5.0), False),
        (Figure("f", 4.9), None),
    ],
)
def test_a_figure_is_held_against_its_target(figure, met):
    assert figure.met is met


def test_the_targets_compare_dlstudy_with_plain_keras_with_ray_and_with_the_fastest():
    ways = [PLAIN, way_like_plain(0, "ray", 40.0), way_like_plain(0, "optuna", 20.0), way_like_plain(0)]
    figures = {figure.name: figure for figure in showing.targets(ways)}
    assert figures["dlstudy / keras"].value == pytest.approx(10)
    assert figures["dlstudy / keras"].met
    assert figures["dlstudy / ray"].value == pytest.approx(4)
    assert figures["dlstudy / fastest other way"].detail == "optuna"
    assert showing.targets([PLAIN]) == []


def test_the_tables_and_the_json_hold_every_way_and_figure():
    console = Console(record=True, width=150)
    accuracy = compare(way_like_plain(-0.05), PLAIN)
    showing.show_ways(console, [PLAIN, way_like_plain(0)], PLAIN)
    showing.show_accuracy(console, accuracy, judged=True)
    figures = [Figure("ratio", 2.5, at_most=2.0, detail="why"), *[Figure(unit, 3.0, unit) for unit in UNITS]]
    showing.show_figures(console, "epoch", figures, judged=True)
    text = console.export_text()
    for word in (
        *UNITS,
        "keras",
        "80.0",
        "100.0",
        "120.0",
        "10.00",
        "FASTER BUT WORSE",
        "2.50x",
        "<= 2.00x",
        "NOT MET",
        "why",
    ):
        assert word in text
    found = json.loads(json.dumps(showing.as_json([PLAIN], accuracy, {"epoch": [Figure("ratio", 2.5, at_most=2.0)]})))
    assert found["ways"][0]["median_s"] == 100
    assert found["accuracy"]["verdict"] == "FASTER BUT WORSE"
    assert found["figures"]["epoch"][0]["met"] is False


def test_every_way_comes_first_in_turn():
    names = list(WAYS)
    orders = [side_by_side.order_of(names, number) for number in range(len(names))]
    assert [order[0] for order in orders] == names
    assert all(Counter(order) == Counter(names) for order in orders)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Runs the command with ways whose results are given, and gives its exit code and its JSON."""
    monkeypatch.setattr(command, "_write_data", lambda folder, short: folder / "mnist.npz")
    monkeypatch.setattr(children, "busy", lambda: 0.0)

    def run(ways, *arguments):
        monkeypatch.setattr(side_by_side, "run", ways if callable(ways) else lambda *_, **__: ways)
        output = tmp_path / "a file.json"
        code = command.main(["--only", "ways", "--output", str(output), *arguments])
        return code, json.loads(output.read_text())

    return run


def test_faster_but_worse_ends_with_exit_code_1(measured):
    assert measured([PLAIN, way_like_plain(0.0)])[0] == 0
    code, found = measured([PLAIN, way_like_plain(-0.05)])
    assert code == 1
    assert found["accuracy"]["verdict"] == "FASTER BUT WORSE"
    assert measured([PLAIN, way_like_plain(-0.05)], "--short")[0] == 0, "too noisy to judge"


def test_what_cannot_be_measured_is_reported_and_ends_with_exit_code_1(measured, capsys):
    def fail(*_, **__):
        raise children.BenchmarkError("ray ended with 1")

    code, found = measured(fail)
    assert code == 1
    assert found["problems"] == ["ways: ray ended with 1"]
    assert "ray ended with 1" in capsys.readouterr().err


def test_a_process_that_fails_is_reported_with_its_last_lines():
    with pytest.raises(children.BenchmarkError, match="ended with 1"):
        children.python("benchmarks.nothing")


def test_without_options_everything_is_measured_three_times():
    options = parse([])
    assert (options.rounds, list(options.ways), list(options.measures)) == (3, list(WAYS), list(MEASURES))


def test_a_short_run_has_one_round_and_says_what_it_skips():
    options = parse(["--short"])
    assert options.rounds == 1
    assert set(options.skipped) | set(options.measures) == set(MEASURES)
    assert options.skipped


def test_only_chooses_ways_and_measurements():
    options = parse(["--only", "dlstudy", "epoch", "keras"])
    assert (list(options.ways), list(options.measures)) == (["keras", "dlstudy"], ["epoch"])
    assert list(parse(["--only", "ways"]).ways) == list(WAYS)


@pytest.mark.parametrize(
    "arguments",
    [["--rounds", "0"], ["--rounds", "x"], ["--only", "nothing"], ["--output", "a.txt"], ["--sort"], ["more"]],
)
def test_a_bad_option_gets_one_line_and_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "see --help" in message


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_file_loads(path):
    study = loader.load(path).study
    assert study.dataset == "mnist"
    assert not study.protocol.reported_split


def test_the_study_of_the_side_by_side_trains_the_six_settings():
    study = loader.load(dlstudy_run.STUDY).study
    protocol = study.protocol
    found = {arm.name: (arm.setting["optimizer"], arm.setting["learning_rate"]) for arm in study.arms}
    assert found == {dlstudy_run.arm_name(name): setting for name, setting in common.settings().items()}
    assert (protocol.epochs, protocol.batch_size, protocol.split.validation) == (10, common.BATCH_SIZE, 5_000)
    assert not any(arm.space for arm in study.arms)


def test_a_way_that_leaves_a_setting_out_fails():
    with pytest.raises(ValueError, match="all six settings"):
        common.tell({"SGD 0.01": 0.9})


def test_start_up_does_not_count_as_training():
    cost = {"seconds": 2.0}
    trials = [
        {"slot": "cpu:0", "ended_s": 102.0, "cost": cost},
        {"slot": "cpu:1", "ended_s": 102.5, "cost": cost},
        {"slot": "cpu:0", "ended_s": 104.5, "cost": cost},
    ]
    assert workers.starts(trials) == {"cpu:0": 100.0, "cpu:1": 100.5}
    assert workers.span(trials) == pytest.approx(4.25)
    assert workers.idle_share(trials) == pytest.approx(0.5 / 6.5)
    samples = [(99, 1.0), (100.5, 1.5), (102.1, 1.6), (104.1, 1.8), (110, 9.0)]
    assert workers.parent_share(trials, samples) == pytest.approx(0.3 / 7.2)
    assert workers.parent_share(trials, samples, after=1) == pytest.approx(0.2 / 4.0)


def test_a_simulated_store_is_complete(tmp_path):
    home = tmp_path / "a home"
    options = simulated_store.make(home, 40, tracked=False)
    trials = Record.open(Home.at(home), for_writing=False).trials("many", Variant())
    assert len(trials) == 40
    assert Counter(trial.phase for trial in trials) == {"search": 12, "replicate": 28}
    assert {trial.state for trial in trials} == {"finished"}
    assert all(trial.result.correct for trial in trials if trial.phase == "replicate")
    assert options == ["--home", str(home), "--trials", "3", "--seeds", "7"]


def test_a_store_is_refused_that_is_too_small_for_its_claims(tmp_path):
    with pytest.raises(ValueError, match="at least 32"):
        simulated_store.make(tmp_path / "home", 8)


def test_the_benchmark_starts_without_its_extra_and_without_tensorflow():
    code = "import sys, benchmarks.__main__ as _; print({'ray', 'keras_tuner', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_keras_tests_that_only_keras_passes_are_named_with_what_ours_has_raised():
    def note(outcome, reason="", calls=()):
        return {"outcome": outcome, "reason": reason, "calls": calls}

    with_keras = {
        "callbacks/a.py::one": note("passed"),
        "callbacks/a.py::two": note("passed"),
        "models/b.py::three": note("failed", "no torch"),
        "models/c.py": note("not collected", "no jax"),
    }
    with_ours = {
        "callbacks/a.py::one": note("passed", calls=[["fit", "", "equal"], ["fit", "the model runs eagerly", ""]]),
        "callbacks/a.py::two": note("failed", "1 != 2", calls=[["fit", "", "differs: loss by 1"]]),
        "models/b.py::three": note("passed"),
    }
    assert keras_tests.differing(with_keras, with_ours) == ["callbacks/a.py::two"]
    assert [" ".join(line.split()) for line in keras_tests.lines(with_keras, with_ours)] == [
        "tests of pass with Keras also with ours calls done by ours",
        "callbacks 2 1 3 2",
        "models 0 0 0 0",
        "all 2 1 3 2",
        "",
        "calls, and why Keras's own method has done them:",
        "2 fit: done by ours",
        "1 fit: the model runs eagerly",
        "",
        "done again by Keras, on the same batches from the same weights:",
        "1 equal",
        "1 differs",
        "callbacks/a.py::two: differs: loss by 1",
        "",
        "pass with Keras alone: 1",
        "callbacks/a.py::two: 1 != 2",
        "",
        "pass with ours alone: 1",
        "models/b.py::three: no torch",
        "",
        "not collected: 1",
        "models/c.py: no jax",
    ]


def test_a_file_that_keras_does_not_have_is_refused(capsys):
    assert keras_tests.main(["callbacks/none_test.py"]) == 2
    assert "no callbacks/none_test.py" in capsys.readouterr().err
