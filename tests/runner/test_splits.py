"""Which rows the trials of a run see where its splits are resampled."""

from dataclasses import replace

import pytest

from dlstudy.datasets import registry
from dlstudy.errors import RecordError, StudyError
from dlstudy.store.home import Home
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.request import Request
from dlstudy.study.row_facts import facts_in
from dlstudy.study.splits import split_rows
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

OWN = "split=Split(validation=200)"
TUNED = 'setting={"kind": "net"}, space=RATE, reported={"learning_rate": 0.05}'
STATED = 'setting={"kind": "net", "learning_rate": 0.05}, reported={}'
KINDS = [
    "Split(0.25, 0.2, 1, 'random')",
    "Split(0.25, 0.2, 1, 'folds')",
    "Split(0.25, 0.1, resample='time')",
    "Split(0.25, 0.2, 1, 'groups', 'equal rows')",
]


def run(path, tmp_path, split, result_of=made_up, **options):
    """Runs a study with another split; returns the specs of its trainings."""
    assert OWN in path.read_text()
    (tmp_path / "tiny.py").write_text(path.read_text().replace(OWN, f"split={split}"))
    home, engine = Home.at(tmp_path / "home"), FakeEngine(result_of)
    home.create()
    fake_runs.run(tmp_path / "tiny.py", home, Request(**options), engine)
    return engine.trained


def rows_of(spec):
    data = registry.load(spec.dataset)
    return split_rows(spec.split, facts_in(spec.split, data), spec.rows, number=spec.split_number)


@pytest.mark.parametrize("split", KINDS)
def test_no_search_sees_a_test_row_of_its_replicates(tiny, tmp_path, split):
    """Every row that a search trains or validates on, against those that its winners are tested on."""
    trained = run(tiny, tmp_path, split, searches=3)
    of_search = [spec for spec in trained if spec.phase in (Phase.SEARCH, Phase.REPLICATE)]
    assert {spec.search for spec in of_search} == {1, 2, 3}
    tested = []
    for search in (1, 2, 3):
        specs = [spec for spec in of_search if spec.search == search]
        assert all((spec.read_test is ReadTest.NEVER) == (spec.phase is Phase.SEARCH) for spec in specs)
        seen, held_out = set(), set()
        for spec in specs:
            rows = rows_of(spec)
            if spec.phase is Phase.SEARCH:
                seen |= {*rows.train.tolist(), *rows.validation.tolist()}
            else:
                held_out |= set(rows.test.tolist())
        assert seen
        assert held_out
        assert not seen & held_out
        tested.append(frozenset(held_out))
    assert len(set(tested)) == 3


@pytest.mark.parametrize("split", KINDS)
def test_arms_that_are_compared_have_the_same_split(tiny, tmp_path, split):
    found: dict[tuple[str, int, int], set[int]] = {}
    for spec in run(tiny, tmp_path, split, searches=3):
        if spec.phase is not Phase.SEARCH:
            found.setdefault((spec.phase, spec.search, spec.index), set()).add(spec.split_number)
    assert all(len(numbers) == 1 for numbers in found.values())


def test_of_stated_settings_each_seed_has_a_split(tiny, tmp_path):
    assert TUNED in tiny.read_text()
    tiny.write_text(tiny.read_text().replace(TUNED, STATED))
    trained = run(tiny, tmp_path, KINDS[1])
    replicates = [spec for spec in trained if spec.phase is Phase.REPLICATE]
    assert {(spec.index, spec.split_number) for spec in replicates} == {(i, i) for i in range(6)}
    tested = [frozenset(rows_of(spec).test) for spec in replicates if spec.arm == "net"]
    assert len(set(tested)) == 6


def test_seeds_of_several_searches_of_nothing_have_a_split_each(tiny, tmp_path):
    tiny.write_text(tiny.read_text().replace(TUNED, STATED))
    trained = run(tiny, tmp_path, KINDS[0], searches=3, seeds=6)
    numbers = {(spec.search, spec.index): spec.split_number for spec in trained if spec.phase is Phase.REPLICATE}
    assert sorted(numbers.values()) == list(range(18))


def test_what_the_first_search_found_changes_nothing_in_the_others(tiny, tmp_path):
    """The first search has seen rows that test the winners of the others."""

    def better_at_the_top(spec):
        found = made_up(spec)
        if spec.search > 1 or spec.arm != "net":
            return found
        return replace(found, metrics={**found.metrics, "val_accuracy": 100 * spec.params["learning_rate"]})

    text = tiny.read_text().replace("rounds=0", "rounds=2")
    trained = []
    for folder, result_of in (("one", made_up), ("two", better_at_the_top)):
        (tmp_path / folder).mkdir()
        tiny.write_text(text)
        specs = run(tiny, tmp_path / folder, KINDS[0], result_of, searches=3)
        searched = [spec for spec in specs if spec.phase is Phase.SEARCH and spec.arm == "net"]
        trained.append({(spec.search, spec.index): dict(spec.params) for spec in searched})
    one, two = ({place: params for place, params in of_run.items() if place[0] > 1} for of_run in trained)
    assert one == two
    assert trained[0] != trained[1]
    assert {search for search, _ in one} == {2, 3}


def test_another_kind_of_splits_is_another_definition(tiny, tmp_path):
    text = tiny.read_text()
    run(tiny, tmp_path, KINDS[0])
    tiny.write_text(text)
    with pytest.raises(RecordError, match="resample is 'folds, one for each search' and was 'random, one for each"):
        run(tiny, tmp_path, KINDS[1])


def test_more_searches_than_blocks_of_time_are_refused(tiny, tmp_path):
    with pytest.raises(StudyError, match="searches must be 4 at most, one for each block of time"):
        run(tiny, tmp_path, "Split(0.25, 0.2, resample='time')", searches=5)
