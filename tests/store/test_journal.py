"""Optuna's journal after a process was killed in mid-write, and after worse."""

import fcntl

import optuna
import pytest
from optuna.trial import create_trial

from dlstudy.errors import RecordError
from dlstudy.store.journal import open_journal, repair

N_TRIALS = 3
WHOLE = b'{"one":1}\n{"two":2}\n'
GARBAGE = [b"{", b"\x00" * 20, b"\xff\xfe", b"[]", b"null", b"7", b"{}", b'{"op_code":4,"worker_id":"w"}']


@pytest.fixture
def journal(tmp_path):
    """A journal with three finished trials, its last record being all of the last one."""
    path = tmp_path / "a 'home' ä" / "optuna.journal"
    path.parent.mkdir()
    study = optuna.create_study(storage=open_journal(path, for_writing=True), study_name="s")
    for number in range(N_TRIALS):
        study.add_trial(create_trial(value=float(number)))
    return path


def values(path, for_writing=False):
    study = optuna.load_study(study_name="s", storage=open_journal(path, for_writing))
    return [trial.value for trial in study.trials]


def add_trial(path):
    study = optuna.load_study(study_name="s", storage=open_journal(path, for_writing=True))
    study.add_trial(create_trial(value=9.0))


def cut_file(path):
    return path.with_name("optuna.journal.cut")


def test_a_journal_cut_at_any_byte_of_its_last_record_is_repaired(journal, tmp_path):
    whole = journal.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    earlier = whole.removesuffix(last)
    assert b'"value":2.0' in last
    for n in range(len(last)):
        path = tmp_path / str(n) / "optuna.journal"
        path.parent.mkdir()
        path.write_bytes(earlier + last[:n])
        add_trial(path)
        assert path.read_bytes().startswith(earlier), n
        assert values(path) == [0.0, 1.0, 9.0], n
        kept = cut_file(path).read_bytes() if n else b""
        assert kept == (last[:n] + b"\n" if n else b""), n


def test_a_whole_journal_is_left_as_it_is(journal):
    before = journal.read_bytes()
    assert repair(journal) is False
    assert values(journal, for_writing=True) == [0.0, 1.0, 2.0]
    assert journal.read_bytes() == before
    assert not cut_file(journal).exists()


def test_a_second_cut_is_kept_beside_the_first(journal):
    whole = journal.read_bytes()
    for text in (b'{"op', b"\x00\x00\xff"):
        journal.write_bytes(journal.read_bytes() + text)
        assert repair(journal) is True
        assert journal.read_bytes() == whole
    assert cut_file(journal).read_bytes() == b'{"op\n\x00\x00\xff\n'


@pytest.mark.parametrize("n", [65_535, 65_536, 65_537, 200_000])
def test_a_long_last_line_is_cut_off_whole(tmp_path, n):
    path = tmp_path / "optuna.journal"
    path.write_bytes(WHOLE + b"x" * n)
    assert repair(path) is True
    assert path.read_bytes() == WHOLE
    assert cut_file(path).read_bytes() == b"x" * n + b"\n"


def test_a_journal_of_one_cut_line_is_emptied(tmp_path):
    path = tmp_path / "optuna.journal"
    path.write_bytes(b'{"op_code":0')
    assert repair(path) is True
    assert path.read_bytes() == b""
    assert open_journal(path, for_writing=True).get_all_studies() == []


def test_without_a_journal_there_is_nothing_to_repair(tmp_path):
    path = tmp_path / "optuna.journal"
    assert repair(path) is False
    assert not path.exists()
    path.touch()
    assert repair(path) is False


def test_a_reader_reads_past_a_cut_line_and_changes_nothing(journal):
    with journal.open("ab") as file:
        file.write(b'{"op_code":4')
    before = journal.read_bytes()
    assert values(journal) == [0.0, 1.0, 2.0]
    assert journal.read_bytes() == before
    assert not cut_file(journal).exists()


@pytest.mark.parametrize("for_writing", [False, True])
@pytest.mark.parametrize("garbage", [*GARBAGE, b'{"op_code":99}'])
def test_a_garbled_line_in_the_middle_is_refused_and_kept(journal, garbage, for_writing):
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], garbage + b"\n", *lines[2:]])
    journal.write_bytes(damaged)
    with pytest.raises(
        RecordError, match=r"the record .*optuna\.journal is damaged \(.+\): restore it from a backup, or move"
    ):
        open_journal(journal, for_writing)
    assert journal.read_bytes() == damaged
    assert not cut_file(journal).exists()


def test_a_garbled_last_line_does_no_harm_to_what_follows(journal):
    with journal.open("ab") as file:
        file.write(b"\x00\x00\x00\n")
    add_trial(journal)
    assert values(journal) == [0.0, 1.0, 2.0, 9.0]


def test_the_lock_is_free_after_opening(journal):
    open_journal(journal, for_writing=True)
    with journal.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert sorted(path.name for path in journal.parent.iterdir()) == ["optuna.journal", "optuna.journal.seal"]
