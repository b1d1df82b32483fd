"""Files that a study reads, over its runs: found in a trial, compared before the next run, changed during one."""

import dataclasses

import pytest

from dlstudy.errors import RecordError, StudyError
from dlstudy.runner.input_files import InputFiles
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.input_files import digest_of
from dlstudy.study.request import Request
from dlstudy.study.trial import TrialResult
from dlstudy.study.variant import Variant
from tests.helpers.fake_engine import FakeEngine, made_up
from tests.helpers.fake_runs import begin_run, run


@pytest.fixture
def config(tiny):
    path = tiny.with_name("config.yaml")
    path.write_text("units: 64")
    return path


def opening(*names, then=lambda spec: None):
    """An engine whose trials open these files."""

    def result_of(spec):
        result = dataclasses.replace(made_up(spec), opened=names)
        then(spec)
        return result

    return FakeEngine(result_of)


def files_of(home):
    return {str(name): files for name, files in Record.open(home, for_writing=False).files("tiny", Variant()).items()}


def test_a_file_that_one_arm_opens_is_in_the_definition_of_each_part(tiny, home, config):
    run(tiny, home, engine=opening("config.yaml"))
    parts = {"net/reported", "net/search", "logistic/search", "net/replicate", "logistic/replicate"}
    assert files_of(home) == {f"tiny/default/{part}": {"config.yaml": digest_of(config)} for part in parts}


def test_results_hold_no_files(tiny, home, config):
    run(tiny, home, engine=opening("config.yaml"))
    for trial in Record.open(home, for_writing=False).trials("tiny", Variant()):
        assert trial.result.opened == ()
        assert "opened" not in trial.result.to_json()


def test_a_result_with_files_travels_from_a_worker_as_it_is():
    result = TrialResult("finished", opened=("a b.csv",))
    assert tuple(TrialResult.from_json(result.to_json()).opened) == ("a b.csv",)
    with pytest.raises(RecordError, match="has opened 5"):
        TrialResult.from_json({**result.to_json(), "opened": 5})


def test_a_file_that_was_edited_between_two_runs_is_refused_before_anything_trains(tiny, home, config):
    run(tiny, home, Request(phases=("search",)), opening("config.yaml"))
    config.touch()
    run(tiny, home, Request(phases=("reported",)), opening("config.yaml"))
    config.write_text("units: 32")
    message = (
        r"^tiny/default/net/reported was begun with another definition: the file config\.yaml changed: undo that, or "
        r"run with --fresh to begin a new generation beside the old$"
    )
    with pytest.raises(RecordError, match=message):
        begin_run(tiny, home)
    config.unlink()
    with pytest.raises(RecordError, match=r"definition: the file config\.yaml is gone: undo that, or run with --fresh"):
        begin_run(tiny, home)
    config.write_text("units: 64")
    assert run(tiny, home, engine=opening("config.yaml")) > 0


def test_a_new_generation_has_the_files_as_they_are_then(tiny, home, config):
    run(tiny, home, Request(phases=("search",)), opening("config.yaml"))
    config.write_text("units: 32")
    run(tiny, home, Request(phases=("search",), fresh=True), opening("config.yaml"))
    files = Record.open(home, for_writing=False).files("tiny", Variant(generation=2))
    assert {name.arm: found for name, found in files.items()} == {
        "net": {"config.yaml": digest_of(config)}, "logistic": {"config.yaml": digest_of(config)}
    }  # fmt: skip


def test_parts_that_begin_later_have_the_files_that_are_known_by_then(tiny, home, config):
    run(tiny, home, Request(phases=("search",), arms=("net",)), opening("config.yaml"))
    plan, recorder = begin_run(tiny, home, Request(phases=("search",), arms=("logistic",)))
    recorder.begin(plan.next())
    assert files_of(home)["tiny/default/logistic/search"] == {"config.yaml": digest_of(config)}


def test_a_part_of_an_earlier_version_goes_on_and_its_files_count_from_then_on(tiny, home, config):
    run(tiny, home, Request(phases=("search",), trials=1))
    assert files_of(home) == {}
    run(tiny, home, Request(phases=("search",)), opening("config.yaml"))
    assert files_of(home)["tiny/default/net/search"] == {"config.yaml": digest_of(config)}
    config.write_text("units: 32")
    with pytest.raises(RecordError, match=r"the file config\.yaml changed"):
        begin_run(tiny, home)


def test_a_file_that_changes_while_the_study_runs_ends_the_run_before_a_result_of_it_counts(tiny, home, config):
    ended = []

    def edit_after_the_third(spec):
        ended.append(spec)
        if len(ended) == 3:
            config.write_text("units: 32")

    message = r"^the file config\.yaml changed while the study ran: undo that and run the same command again, or run"
    with pytest.raises(RecordError, match=message):
        run(tiny, home, engine=opening("config.yaml", then=edit_after_the_third))
    trials = Record.open(home, for_writing=False).trials("tiny", Variant())
    assert sum(trial.state.is_final for trial in trials) == 2
    config.write_text("units: 64")
    assert run(tiny, home, engine=opening("config.yaml")) == 6 + 2 + 1 + 12 - 2


def test_a_file_that_only_the_import_reads_may_change_while_the_study_runs(tiny, home, config):
    tiny.write_text(f"{tiny.read_text()}\nfrom pathlib import Path\n\nTEXT = Path({str(config)!r}).read_text()\n")
    n = run(tiny, home, engine=opening(then=lambda spec: config.write_text("units: 32")))
    assert n == 21, "the workers have read it already"
    with pytest.raises(RecordError, match=r"the file config\.yaml changed"):
        begin_run(tiny, home)


def test_a_file_that_is_gone_once_the_trial_has_ended_is_none_that_the_study_reads(tiny, home):
    run(tiny, home, engine=opening("passing.txt"))
    assert files_of(home) == {}


def test_a_file_that_is_only_where_the_study_trains_is_refused_there(tiny, home):
    _, recorder = begin_run(tiny, home)
    recorder.note_files(["/on/the/node.csv"])
    message = "the study opens /on/the/node.csv where it trains, which is not on this machine, .*: put it beside"
    with pytest.raises(StudyError, match=message):
        recorder.note_files(["/on/the/node.csv"], refuse_missing=True)


def test_files_that_are_known_keep_what_was_in_them(tiny, config):
    known = InputFiles(loader.load(tiny), [])
    assert (known.entry, known.add([])) == ({}, False)
    assert known.add(["config.yaml"])
    assert not known.add(["config.yaml", "nothing.csv"])
    assert known.missing(["config.yaml", "nothing.csv"]) == ["nothing.csv"]
    assert known.entry == {"files": {"config.yaml": digest_of(config)}}
