"""What a study gave, as plain data."""

import json
from dataclasses import replace

from dlstudy.analysis.results import DerivedVerdict, FigureVerdict, Unit, Verdict
from dlstudy.study.claims import Claim, Derived
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up


def test_verdicts_are_plain_words():
    assert [*Verdict] == [
        "supported", "equivalent", "contradicted", "contradicted by its own numbers", "undecided", "withheld",
        "not run", "not testable",
    ]  # fmt: skip
    assert [*FigureVerdict] == ["compatible", "not compatible", "undecidable", "not comparable", "not run"]
    assert [*DerivedVerdict] == ["right", "wrong"]
    assert [*Unit] == ["seed", "search", "data set"]
    assert f"{Verdict.NOT_RUN}: {FigureVerdict.COMPATIBLE}" == "not run: compatible"


def summary_of(variant="default"):
    claim = Claim("a is better", better="a", than="b", metric="test_accuracy")
    study = make_study(claims=[claim], reported=[figure()])
    study = replace(study, derived=[Derived("one and one", "2", 2)])
    return sum_up(study, [trial for arm in "ab" for trial in runs_of(study, arm, "replicate", [0.8, 0.9])], variant)


def test_a_report_in_json_has_words_for_verdicts_phases_and_states():
    report = json.loads(json.dumps(summary_of("quick~2").to_json()))
    assert (report["schema"], report["study"], report["variant"], report["quick"]) == (4, "s", "quick~2", True)
    assert report["claims"][0]["verdict"] == report["claims"][0]["measured"] == "undecided"
    assert (report["claims"][0]["phase"], report["claims"][0]["unit"]) == ("replicate", "seed")
    assert (report["reported"][0]["verdict"], report["derived"][0]["verdict"]) == ("not comparable", "right")
    assert {trial["state"] for trial in report["trials"]} == {"finished"}
    assert {(trial["trained_by"], *trial["remarks"]) for trial in report["trials"]} == {("epoch graph",)}
    assert report["protocol"]["direction"] == "maximize"


def test_the_model_that_is_kept_is_of_the_winner_s_first_replicate():
    study = make_study()
    first = runs_of(study, "a", "replicate", [0.8, 0.9])
    assert sum_up(study, first).kept_models() == {"a": first[1]}
    better = make_trial(study, "a", "search", 1, {"rate": 0.9}, value=0.95)
    assert sum_up(study, [*first, better]).kept_models() == {}
    diverged = make_trial(study, "a", "replicate", state="diverged")
    assert sum_up(study, [first[0], diverged]).kept_models() == {}


def test_metrics_are_those_of_the_protocol():
    summary = sum_up(make_study(metric="val_loss", direction="minimize"), [])
    assert (summary.metric, summary.test_metric) == ("val_loss", "test_loss")
