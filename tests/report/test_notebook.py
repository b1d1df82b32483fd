"""What a notebook gets of a study's results."""

import math
from dataclasses import replace

import pytest

import dlstudy
from dlstudy.analysis.pair import Pair
from dlstudy.errors import RecordError
from dlstudy.report.notebook import Results
from dlstudy.runner.backend import Backend
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.claims import Claim
from dlstudy.study.request import Request
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up
from tests.helpers.fake_engine import Deaf

CLAIM = Claim("a > b & wins", better="a", than="b", metric="test_accuracy")
STUDY = make_study(question="Is <a> better?", claims=[CLAIM], reported=[figure()])


@pytest.fixture(scope="module")
def results():
    history = {"val_accuracy": [0.4, 0.5], "val_loss": [2.0]}
    trials = [
        *runs_of(STUDY, "a", "replicate", [0.9, 0.7] * 4, history=history),
        *runs_of(STUDY, "b", "replicate", [0.6, 0.7] * 4),
        make_trial(STUDY, "b", "search", index=1, number=1, state="diverged", reason="loss nan"),
    ]
    return Results(sum_up(STUDY, trials))


def test_trials_are_rows_with_parameters_metrics_and_costs(results):
    trials = results.trials
    assert len(trials) == 19
    assert list(trials.columns[:7]) == ["phase", "arm", "search", "number", "index", "seed", "state"]
    means = trials[trials.phase == "replicate"].groupby("arm").test_accuracy.mean()
    assert means.to_dict() == pytest.approx({"a": 0.8, "b": 0.65})
    assert set(trials["param.rate"]) == {0.5}
    assert set(trials.seconds) == {1.5}
    (diverged,) = trials[trials.state == "diverged"].to_dict("records")
    assert (diverged["reason"], diverged["index"], math.isnan(diverged["test_accuracy"])) == ("loss nan", 1, True)


def test_history_has_a_row_for_each_trial_and_epoch(results):
    history = results.history
    assert len(history) == 16
    first = history[history["index"] == 0]
    assert first.epoch.tolist() == [1, 2]
    assert first.val_accuracy.tolist() == [0.4, 0.5]
    assert first.val_loss.tolist()[0] == 2.0
    assert first.val_loss.isna().tolist() == [False, True]


def test_arms_have_their_winner_and_their_test_metrics(results):
    a = results.arms.set_index("arm").loc["a"]
    assert (a["param.rate"], a["value"], a["trials"], a["n"]) == (0.5, 0.9, 1, 8)
    assert a["test_accuracy"] == pytest.approx(0.8)
    assert a["test_accuracy.sd"] == pytest.approx(0.1 * (8 / 7) ** 0.5)


def test_claims_have_their_verdict_and_the_ends_of_their_interval(results):
    (claim,) = results.claims.to_dict("records")
    judged = results.summary.claims[0]
    assert (claim["text"], claim["verdict"], claim["n"]) == ("a > b & wins", judged.verdict, 8)
    assert (claim["low"], claim["high"]) == judged.interval
    assert "pairs" not in results.claims.columns


def test_pairs_have_a_row_for_each_unit():
    summary = sum_up(STUDY, [])
    pair = Pair("b", units=[0, 3], differences=[0.25, -0.5], mean=-0.125, median=-0.125)
    summary = replace(summary, claims=[replace(summary.claims[0], pairs=[pair])])
    assert Results(summary).pairs.to_dict("records") == [
        {"claim": "a > b & wins", "against": "b", "by": "seed", "unit": 0, "difference": 0.25},
        {"claim": "a > b & wins", "against": "b", "by": "seed", "unit": 3, "difference": -0.5},
    ]


def test_reported_figures_come_beside_ours(results):
    (row,) = results.reported.to_dict("records")
    assert (row["arm"], row["metric"], row["reported"], row["verdict"]) == ("a", "test_accuracy", "0.95", "not run")


def test_a_study_without_trials_has_empty_frames_with_their_columns_and_shows_itself():
    empty = Results(sum_up(make_study(), []))
    for frame, column in (("trials", "state"), ("history", "epoch"), ("claims", "verdict"), ("pairs", "difference"),
                          ("reported", "ours")):  # fmt: skip
        assert len(getattr(empty, frame)) == 0
        assert column in getattr(empty, frame).columns
    assert (empty.differences, empty.curves, empty.budget, empty.slices, empty.importance) == (None,) * 5
    assert "<table" in empty._repr_html_()  # of the arms
    assert "<img" not in empty._repr_html_()


def test_figures_are_pictures_that_a_notebook_displays_and_their_text_is_short(results, tmp_path):
    picture = results.curves
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert str(picture) == f"<PNG of {len(picture):,} bytes>"
    (tmp_path / "curves.png").write_bytes(picture)
    assert results.curves is picture, "drawn once"


def test_results_show_question_answer_tables_and_picture_escaped(results):
    shown = results._repr_html_()
    assert "<h3>Is &lt;a&gt; better?</h3>" in shown
    assert f"<b>{results.answer}</b>" in shown
    assert "a &gt; b &amp; wins" in shown
    assert shown.count("<table") == 2
    assert 'src="data:image/png;base64,' in shown
    assert repr(results) == f"s · default: Is <a> better?\n{results.answer}"


@pytest.mark.slow
def test_load_reads_the_record_of_a_home(tiny, tmp_path):
    home = tmp_path / "my runs"
    request = Request(phases=("search",), arms=("logistic",))
    run_study(loader.load(tiny), request, Backend(Home.at(home), engine="inline"), Deaf(), lambda line: None)
    loaded = dlstudy.load(tiny, home=home)
    assert loaded.trials[["arm", "state"]].to_dict("records") == [{"arm": "logistic", "state": "finished"}]
    with pytest.raises(RecordError, match="tiny has no variant 'quick'"):
        dlstudy.load(tiny, variant="quick", home=home)


def test_a_home_without_results_says_what_to_run(tiny, tmp_path):
    with pytest.raises(RecordError, match="tiny has no results here: run `dlstudy run tiny` first"):
        dlstudy.load(str(tiny), home=tmp_path / "none")
