"""What phases and directions say of themselves, and the words that JSON keeps of them."""

import json

import pytest

from dlstudy.study.phases import Direction, Phase, ReadTest


def test_a_search_and_a_sweep_never_read_the_test_rows():
    assert [phase for phase in Phase if not phase.reads_test] == [Phase.SEARCH, Phase.SWEEP]


def test_every_further_search_has_replicates_and_runs_at_the_defaults_too():
    assert {phase for phase in Phase if phase.is_repeated} == {Phase.SEARCH, Phase.REPLICATE, Phase.DEFAULTS}


def test_runs_at_the_defaults_share_the_seeds_of_the_replicates_and_no_others_do():
    words = {phase: phase.seed_word for phase in Phase}
    assert words[Phase.DEFAULTS] == words[Phase.REPLICATE] == "replicate"
    assert words[Phase.REPORTED] == "printed"  # its name in version 1
    assert len(set(words.values())) == len(Phase) - 1


def test_phases_and_directions_are_plain_words_in_json():
    assert json.dumps([*Phase]) == '["reported", "defaults", "search", "replicate", "sweep"]'
    assert json.dumps([*Direction]) == '["maximize", "minimize"]'
    assert json.dumps([*ReadTest]) == '["never", "at the end", "after each epoch"]'
    assert [f"{phase}" for phase in Phase] == [*Phase]


@pytest.mark.parametrize(("direction", "sign", "best", "worst"), [("maximize", 1, 3, -2), ("minimize", -1, -2, 3)])
def test_a_direction_knows_the_better_of_two_values(direction, sign, best, worst):
    known = Direction(direction)
    assert (known.sign, known.best([1, 3, -2]), known.worst([1, 3, -2])) == (sign, best, worst)
