"""The board and the feedback of a class: what they say, and whom they name."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest

from dlstudy.analysis.class_board import ranked
from dlstudy.analysis.class_results import SAME_NUMBERS, Graded, Looked
from dlstudy.analysis.places import score_interval
from dlstudy.analysis.results import MetricSummary
from dlstudy.report.class_board import board_document, board_json, board_rows, board_table, checks_table
from dlstudy.report.class_feedback import feedback_document
from dlstudy.report.export import as_json
from dlstudy.report.formats.csv_tables import table_csv
from dlstudy.report.formats.html import html_page
from dlstudy.study.phases import Direction

N = 120


def hand_in(name, n_right, *, claimed=0.85, retrained=None, deviations=(), why="", **more):
    values = None if why else (np.arange(N) < n_right).astype(float)
    looked = Looked(
        facts={"epochs": "1"}, n_trials=8, arm="net", setting="rate 0.1",
        claimed=MetricSummary(claimed, 0.01, 3, [claimed], [1]), claimed_interval=(claimed - 0.1, claimed + 0.1),
        failed_checks=["the best setting of net may lie further out: no rate above 0.1 was tried near it"],
        passed_checks=["0 of 5 search trials of net diverged"], retrained=retrained or {}, **more,
    )  # fmt: skip
    interval = None if values is None else score_interval(values)
    return Graded(name, looked, deviations, values, [] if why else [n_right / N], why, interval)


def board_of(*graded, baseline=None):
    protocol = SimpleNamespace(direction=Direction.MAXIMIZE, test_metric="test_accuracy", metric="val_accuracy")
    study = SimpleNamespace(protocol=protocol, name="cells", question="Which cells are malignant?")
    return ranked(graded, baseline, study, N)


@pytest.fixture
def board():
    return board_of(
        hand_in("Ann", 110),
        hand_in("Ben", 109, retrained={7: SAME_NUMBERS, 8: "numbers that differ by up to 0.5"}),
        hand_in("Cleo", 60, claimed=0.97, lost={"diverged": 2}),
        hand_in("Dora", 100),
        hand_in("Emil", 99, deviations=["epochs is 9, and the assignment says 1"]),
        hand_in("Finn", 108),
        hand_in("<b>Gus</b>", 0, why="the pack holds no model of the winner: pack it with `dlstudy pack --files`"),
        baseline=hand_in("baseline", 55),
    )


def page(board, name):
    return html_page(feedback_document(board, next(each for each in board.graded if each.name == name)))


def test_the_board_has_places_first_and_says_who_may_be_first(board):
    rows = {row[0]: row for row in board_table(board).rows}
    assert list(rows) == ["Ann", "Ben", "Finn", "Dora", "Cleo", "Emil", "<b>Gus</b>", "baseline"]
    assert [rows[name][1] for name in ("Ann", "Ben", "Dora", "Cleo", "Emil")] == ["1 to 3", "1 to 3", "4", "5", "–"]
    document = board_document(board, ["x.html"] * len(board.graded))
    assert (
        document.answer == "Ann, Ben and Finn may be first: the held-out rows show no other to be ahead of any of them."
    )
    assert "7 hand-ins, 6 scored on 120 rows that students did not have; accuracy, more is better." in document.scope
    text = html_page(document)
    assert "<b>Gus" not in text
    assert "&lt;b&gt;Gus" in text
    assert "epochs is 9, and the assignment says 1" in text


def test_numbers_that_were_not_given_again_are_told_to_the_teacher(board):
    (remarks,) = [row[-1] for row in checks_table(board).rows if row[0] == "Ben"]
    assert remarks == "seed 8 gave numbers that differ by up to 0.5"
    assert any(cell.startswith("1 of 2 the same") for row in board_table(board).rows for cell in row)


def test_the_feedback_names_no_other(board):
    names = [each.name for each in board.graded]
    for name in names:
        text = page(board, name)
        assert not [other for other in names if other != name and other.strip("</b>") in text], name


def test_the_feedback_says_what_is_tied_what_holds_and_what_to_try(board):
    ann, cleo = page(board, "Ann"), page(board, "Cleo")
    assert "not told apart from 2 others, with whom it shares its places" in ann
    assert "your claim holds" in ann
    assert "widen the range there" in ann
    assert "best of the class" in ann
    assert "worse by more than the luck of the rows explains" in cleo
    assert "2 ended as diverged" in cleo
    assert "shown to be behind 4 others" in cleo
    assert "not told apart" in cleo, "from the baseline"
    emil = page(board, "Emil")
    assert "To correct: epochs is 9, and the assignment says 1." in emil
    assert "it then has a place" in emil
    gus = page(board, "<b>Gus</b>")
    assert "Pack it again with `dlstudy pack STUDY --files`" in gus
    assert "1 gave the recorded numbers" in page(board, "Ben")


def test_scores_of_a_few_others_are_not_shown():
    board = board_of(hand_in("Ann", 110), hand_in("Ben", 60))
    assert "best of the class" not in page(board, "Ann")
    assert board_document(board, ["", ""]).answer == "Ann is shown to be ahead of all others."


@pytest.mark.parametrize(
    ("graded", "answer"),
    [
        ([("Ann", 100)], "Ann is the only hand-in with a place."),
        ([("Ann", 100), ("Ben", 101)], "The held-out rows show none of 2 hand-ins to be ahead of all others."),
    ],
)
def test_the_answer_is_honest_about_ties(graded, answer):
    board = board_of(*(hand_in(*each) for each in graded))
    assert board_document(board, [""] * len(graded)).answer == answer


def test_the_csv_and_the_json_have_all_numbers(board):
    rows = list(csv.DictReader(io.StringIO(table_csv(board_rows(board)))))
    assert [row["hand_in"] for row in rows][:2] == ["Ann", "Ben"]
    assert (rows[0]["first_place"], rows[0]["last_place"], float(rows[0]["score"])) == ("1", "3", 110 / 120)
    found = board_json(board)
    assert as_json(found)
    assert len(found["pairs"]) == 10
    assert found["hand_ins"][0]["place"] == [1, 3]
    assert found["baseline"]["score"] == 55 / 120
