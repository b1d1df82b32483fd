"""What MLflow's pages show of a study; that they really show it is tested in a browser."""

import json
from dataclasses import replace

import pytest

from dlstudy.study.claims import Claim
from dlstudy.tracking.pages import describe, newest_view, saved_view
from tests.helpers.builders import make_study, runs_of, sum_up


def view(run="0f", now_ms=5, **changes):
    given = {"metric": "val_accuracy", "tuned": ["rate"], "now_ms": now_ms} | changes
    return saved_view(run, "optimizers", "quick", **given)


def summary_of(claims=(), **changes):
    study = make_study(claims=claims) if claims else make_study()
    runs = [*runs_of(study, "a", "replicate", [0.9, 0.8]), *runs_of(study, "b", "replicate", [0.7, 0.8])]
    return replace(sum_up(study, runs), **changes)


def test_a_view_has_columns_for_phase_arm_parameters_and_metrics_of_one_variant():
    tag, text = view()
    assert tag == "mlflow.sharedViewState.dlstudy-0f"
    saved = json.loads(text)
    assert (saved["name"], saved["createdAt"], saved["updatedAt"]) == ("optimizers · quick", 5, 5)
    state = json.loads(saved["state"])
    assert state["searchFilter"] == "tags.`dlstudy.variant` = 'quick'"
    assert state["selectedColumns"] == [
        "params.`phase`", "params.`arm`", "params.`rate`", "metrics.`value`", "metrics.`val_accuracy`",
        "metrics.`test_accuracy`",
    ]  # fmt: skip
    assert state["columnOrder"][2:] == state["selectedColumns"]
    assert [key["groupByData"] for key in state["groupBy"]["groupByKeys"]] == ["phase", "arm"]


def test_a_view_of_thirty_parameters_fits_into_a_tag():
    _, text = view(tuned=[f"a_rather_long_name_{i}" for i in range(30)])
    assert len(text) < 5000


def test_the_view_saved_last_is_opened_and_views_of_other_tools_are_not():
    tags = dict([view("a", 1), view("b", 3), view("c", 2)])
    tags |= {"mlflow.sharedViewState.1234": "deflate;abc", "mlflow.note.content": "text"}
    assert newest_view(tags) == ("dlstudy-b", "b")


@pytest.mark.parametrize("tags", [{}, {"mlflow.sharedViewState.1234": "deflate;abc"}])
def test_without_a_view_of_ours_there_is_none(tags):
    assert newest_view(tags) is None


def test_the_description_has_question_answer_report_picture_and_claims_in_this_order():
    claim = Claim("a wins", better="a", than="b", metric="test_accuracy")
    summary = summary_of((claim,), answer="A it is.", scope="on digits.", notes=["QUICK"])
    text = describe(summary, "3", "0f", "s-default.html", picture=True)
    blocks = text.split("\n\n")
    assert blocks[:6] == [
        "**Is a better?**",
        "A it is.",
        "On digits.",
        "[The full report](#/experiments/3/runs/0f/artifacts/report/s-default.html?workflowType=machine_learning)",
        "![Paired differences](get-artifact?path=report/answer.png&run_uuid=0f)",
        "QUICK",
    ]
    assert blocks[6] == f"- **{summary.claims[0].verdict}**: a wins"


def test_without_report_and_picture_the_description_links_to_none():
    text = describe(summary_of(), "3", "0f")
    assert "](" not in text
    assert text.startswith("**Is a better?**\n\n")


def test_text_of_a_study_is_neither_markup_nor_html():
    text = describe(summary_of(question="Is <b>a</b> [here](x) *so* `1`\n\n# good?"), "3", "0f")
    assert text.startswith("**Is &lt;b&gt;a&lt;/b&gt; \\[here\\]\\(x\\) \\*so\\* \\`1\\` \\# good?**\n\n")


def test_a_long_description_ends_with_a_whole_block():
    summary = summary_of(notes=["x" * 3000, "y" * 3000, "z" * 3000])
    text = describe(summary, "3", "0f", "s.html", picture=True)
    assert len(text) < 7500
    assert "y" * 3000 in text
    assert "z" not in text.replace("The full report", "").replace("differences", "")[-100:]
