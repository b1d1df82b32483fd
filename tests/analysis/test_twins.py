"""The note on test rows that are equal to training rows."""

from dataclasses import replace

from dlstudy.analysis.twins import twins_notes
from dlstudy.datasets.twins import Twins
from tests.helpers.builders import make_study, make_trial, sum_up

STUDY = make_study()


def trials_with(*twins):
    return [make_trial(STUDY, "a", "replicate", i, twins=found) for i, found in enumerate(twins)]


def test_twins_are_noted_once():
    (note,) = twins_notes(trials_with(Twins(400, 60, 2), Twins(400, 60, 2)))
    assert note.startswith("TWINS: 60 of 400 test rows are equal to a training row in all features, 2 of them with")


def test_of_several_splits_the_one_with_most_twins_is_noted():
    (note,) = twins_notes(trials_with(Twins(400, 55, 0), Twins(400, 70, 0), Twins(400, 0, 0)))
    assert note.startswith("TWINS: in some splits 70 of 400 test rows")


def test_where_there_are_none_nothing_is_said():
    assert (
        twins_notes([*trials_with(Twins(400, 0, 0), None), replace(make_trial(STUDY, "a", "search"), result=None)])
        == []
    )


def test_the_note_is_one_of_the_report():
    summary = sum_up(STUDY, trials_with(Twins(10, 1, 0)))
    assert any(note.startswith("TWINS: 1 of 10 test rows") for note in summary.notes)
    assert summary.to_json()["trials"][0]["twins"] == {"n_test": 10, "n_equal": 1, "n_contrary": 0}
