"""The plan and the looks that runs note, with an engine that trains nothing."""

import json
from dataclasses import replace

import pytest

from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.registration import plan_of, read_plan
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.notes import read_notes
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up


def notes_of(home):
    return read_notes(Record.open(home, for_writing=False), "tiny", Variant())


def summary_of(home, path):
    return read_summary(loader.load(path), Record.open(home, for_writing=False), None)


def registered(path, file):
    file.write_text(json.dumps(plan_of(resolve(loader.load(path), Request()))))
    return file


def reword(path, old='"the net is better"', new='"the net wins"'):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_plan_is_noted_before_the_first_trial_that_claims_are_judged_by(tiny, home):
    fake_runs.run(tiny, home, Request(phases=("search",)))
    assert notes_of(home).plan is None, "it may still change"
    fake_runs.run(tiny, home)
    notes = notes_of(home)
    assert [claim["text"] for claim in notes.claims] == ["the net is better"]
    assert notes.looks == []
    started = [
        t.started_s for t in Record.open(home, for_writing=False).trials("tiny", Variant()) if t.phase != "search"
    ]
    assert notes.planned_s <= min(started)
    assert summary_of(home, tiny).plan["digest"] == notes.plan["digest"]


def test_each_run_that_trains_notes_what_could_be_looked_at_before_it(tiny, home):
    for n, n_looks in ((6, 0), (9, 1), (9, 1), (12, 2), (12, 2)):
        fake_runs.run(tiny, home, Request(seeds=n))
        assert len(notes_of(home).looks) == n_looks
    claim = summary_of(home, tiny).claims[0]
    assert claim.deciding.looks.units == (6, 9, 12)


def test_a_run_that_was_killed_was_looked_at_too(tiny, home):
    def die(spec):
        if (spec.phase, spec.arm, spec.index) == ("replicate", "logistic", 3):
            raise KeyboardInterrupt
        return made_up(spec)

    with pytest.raises(KeyboardInterrupt):
        fake_runs.run(tiny, home, engine=FakeEngine(die))
    fake_runs.run(tiny, home)
    assert len(notes_of(home).looks) == 1
    assert summary_of(home, tiny).claims[0].deciding.looks.units == (3, 6)


def test_a_claim_that_is_reworded_after_results_is_marked_and_before_them_is_not(tiny, home):
    fake_runs.run(tiny, home, Request(phases=("search",)))
    reword(tiny)
    fake_runs.run(tiny, home)
    assert summary_of(home, tiny).claims[0].deviation == ""
    reword(tiny, '"the net wins"', '"the net is not worse"')
    summary = summary_of(home, tiny)
    assert summary.claims[0].deviation == "reworded after the plan, which has 'the net wins'"
    fake_runs.run(tiny, home)
    (look,) = notes_of(home).looks
    assert [claim["text"] for claim in look.claims] == ["the net is not worse"]


def test_a_record_without_notes_gets_them_late(tiny, home, monkeypatch):
    with monkeypatch.context() as earlier:
        for name in ("note_plan", "note_look"):
            earlier.setattr(f"dlstudy.runner.noting.{name}", lambda *about: None)
        fake_runs.run(tiny, home)
    assert summary_of(home, tiny).claims[0].deviation == ""
    fake_runs.run(tiny, home, Request(seeds=9))
    notes = notes_of(home)
    assert (len(notes.looks), notes.plan is None) == (1, False)
    assert summary_of(home, tiny).claims[0].deviation == "recorded after results were there"


def test_a_registered_plan_is_the_one_that_is_noted(tiny, home, tmp_path):
    file = registered(tiny, tmp_path / "plan.json")
    reword(tiny)
    fake_runs.run(tiny, home, Request(registered=file))
    assert summary_of(home, tiny).claims[0].deviation == "reworded after the plan, which has 'the net is better'"
    fake_runs.run(tiny, home, Request(registered=file, seeds=9))
    assert len(notes_of(home).looks) == 1


def test_a_plan_that_is_registered_after_results_is_refused(tiny, home, tmp_path):
    fake_runs.run(tiny, home)
    reword(tiny)
    with pytest.raises(RecordError, match=r"tiny has results from before the plan of --registered was noted: leave it"):
        fake_runs.run(tiny, home, Request(registered=registered(tiny, tmp_path / "plan.json")))


def test_a_plan_can_be_read_back_only_as_it_was_written_and_for_its_study(tiny, tmp_path):
    study, file = resolve(loader.load(tiny), Request()), registered(tiny, tmp_path / "plan.json")
    assert read_plan(file, study) == plan_of(study)
    quick = replace(study, variant=Variant(quick=True))
    with pytest.raises(UsageError, match=r"is the plan of variant 'default', got 'quick': give the plan of that"):
        read_plan(file, quick)
    file.write_text(file.read_text().replace("the net is better", "the net is worse"))
    with pytest.raises(UsageError, match=r"plan.json was changed after `dlstudy register` wrote it: restore it"):
        read_plan(file, study)
    for text in ("", "[]", "{}", "3"):
        file.write_text(text)
        with pytest.raises(UsageError, match=r"--registered takes a file of `dlstudy register`, got '.*plan.json'"):
            read_plan(file, study)
