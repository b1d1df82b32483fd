"""Searches that begin with settings that are known to be good."""

import pytest

from dlstudy.errors import RecordError, StudyError
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs

TEXT = """
from optuna.distributions import FloatDistribution, IntDistribution
from dlstudy import Arm, Protocol, Split, Study

SPACE = {"rate": FloatDistribution(1e-4, 1.0, log=True), "size": IntDistribution(1, 9)}

def build(p): ...

STUDY = Study(question="?", dataset="digits", build=build, arms=[
    Arm("known", {"kind": 1}, SPACE, start=[{"size": 3, "rate": 0.5}, {"rate": 0.25, "size": 9}]),
    Arm("blank", {"kind": 2}, SPACE)],
    protocol=Protocol(epochs=1, searches=3, trials=4, seeds=3, rounds=0, split=Split(0.2)))
"""


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "started.py"
    made.write_text(TEXT)
    return made


def searched(home, variant=None):
    trials = Record.open(home).trials("started", variant or Variant())
    return {(t.arm, t.search, t.index): dict(t.tuned) for t in trials if t.phase == "search"}


@pytest.mark.parametrize("sampler", ["sobol", "random", "tpe"])
def test_every_search_begins_with_the_stated_settings_and_has_as_many_trials_as_before(path, home, sampler):
    variant = Variant(sampler=sampler)
    fake_runs.run(path, home, Request(variant))
    trials = searched(home, variant)
    assert len(trials) == 2 * 3 * 4
    for search in (1, 2, 3):
        assert trials["known", search, 0] == {"size": 3, "rate": 0.5}
        assert trials["known", search, 1] == {"rate": 0.25, "size": 9}
        if sampler != "tpe":
            assert trials["known", search, 2] == trials["blank", search, 2], "the rest of the design is shared"


def test_a_shorter_search_tries_the_first_of_them(path, home):
    fake_runs.run(path, home, Request(trials=1))
    assert searched(home)["known", 1, 0] == {"size": 3, "rate": 0.5}


def test_other_settings_to_begin_with_are_another_search(path, home):
    fake_runs.run(path, home, Request(phases=("search",)))
    path.write_text(TEXT.replace('"rate": 0.5', '"rate": 0.6'))
    with pytest.raises(RecordError, match=r"start is .*0\.6"):
        fake_runs.run(path, home)


def test_what_is_shown_of_an_arm_says_what_it_begins_with(path, home):
    from dlstudy.analysis.summary import summarize

    fake_runs.run(path, home)
    study = resolve(loader.load(path), Request())
    summary = summarize(study, Record.open(home).trials("started", Variant()))
    known, blank = summary.arms
    assert "each search begins with rate 0.5, size 3; rate 0.25, size 9" in known.notes
    assert not [note for note in blank.notes if "begins" in note]


def test_more_settings_than_a_search_has_trials_are_refused(path):
    path.write_text(TEXT.replace("trials=4", "trials=1"))
    with pytest.raises(StudyError, match="arm known: start gives 2 settings, and a search begins with 1 trials: raise"):
        loader.load(path)
