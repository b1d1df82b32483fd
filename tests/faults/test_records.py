"""Journals and databases that were cut, garbled or left half-written: read right or refused, and no byte lost."""

import dataclasses
import errno
import os
import random
import re
from collections import Counter

import pytest

from dlstudy.cli.app import main
from dlstudy.errors import RecordError, StoreError
from dlstudy.store import journal as journals
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.store.record import Record
from dlstudy.study.phases import Direction
from dlstudy.study.trial import TrialResult, TrialState
from tests.helpers.builders import RATE
from tests.helpers.full_form import FULL
from tests.store.test_record import DEFAULT, NAME, RESULT, add, begin

N_TRIALS = 12
N_FAULTS = 3000 if FULL else 300


def fill(record):
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    arm.keep_definition({"metric": "val_accuracy"})
    for i in range(N_TRIALS - 1):
        add(arm, i, RESULT if i % 3 else TrialResult(TrialState.DIVERGED, "loss is nan"), run_id=f"run {i}")
    begin(arm, N_TRIALS - 1)


def read(home, url=None, for_writing=False):
    return Record.open(home, url, for_writing).trials("s", DEFAULT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    home = Home.at(tmp_path_factory.mktemp("whole"))
    fill(Record.open(home))
    return home


@pytest.fixture
def copy(whole, tmp_path):
    """A home with the same record."""
    home = Home.at(tmp_path / "a copy")
    home.create()
    for path in (whole.journal, seal_of(whole.journal)):
        (home.root / path.name).write_bytes(path.read_bytes())
    return home


def damage(content, rng):
    """One fault of a kind that disks, copies and editors make."""
    made, at = bytearray(content), rng.randrange(len(content))
    kind = rng.choice(["cut", "cut line", "flip", "digit", "zeros", "hole", "noise", "swap", "twice"])
    lines = content.splitlines(keepends=True)
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == "cut":
        del made[at:]
    elif kind == "cut line":
        made = bytearray(b"".join(lines[:i]))
    elif kind == "flip":
        made[at] ^= 1 << rng.randrange(8)
    elif kind == "digit":
        at = rng.choice([k for k, byte in enumerate(content) if chr(byte).isdigit()])
        made[at : at + 1] = str((int(chr(content[at])) + 1) % 10).encode()
    elif kind == "zeros":
        made[at : at + 512] = bytes(len(made[at : at + 512]))
    elif kind == "hole":
        del made[at : at + rng.randrange(1, 600)]
    elif kind == "noise":
        made[at:at] = rng.randbytes(rng.randrange(1, 60))
    elif kind == "swap":
        lines[i], lines[j] = lines[j], lines[i]
        made = bytearray(b"".join(lines))
    else:
        lines.insert(j, lines[i])
        made = bytearray(b"".join(lines))
    return kind, bytes(made)


def outcome(home, url=None, for_writing=False):
    """The trials, or None where they are refused in one line."""
    try:
        return read(home, url, for_writing)
    except RecordError as error:
        said = str(error)
    assert re.fullmatch(r"[^\n]+: [^\n]*restore (it|the database) from a backup[^\n]*", said)
    return None


def facts(trials):
    """What is reported of the trials that have ended."""
    return [dataclasses.replace(trial, started_s=0.0, ended_s=0.0) for trial in trials if trial.result]


def test_a_sealed_journal_with_any_fault_is_refused_whole_or_read_right(whole, copy):
    right, content, rng = read(whole), whole.journal.read_bytes(), random.Random(1)
    assert len(right) == N_TRIALS
    counts = Counter()
    for n in range(N_FAULTS):
        kind, damaged = damage(content, rng)
        copy.journal.write_bytes(damaged)
        found = outcome(copy, for_writing=n % 2 == 0)
        assert found in (None, right), (n, kind)
        assert (found is None) == (damaged[: len(content)] != content), (n, kind)
        assert copy.journal.read_bytes() == damaged, (n, kind)
        counts[kind, found is None] += 1
    assert len(counts) >= 9
    assert not copy.journal.with_name("optuna.journal.cut").exists()


def test_a_journal_of_an_earlier_version_with_any_fault_is_read_or_refused_and_loses_no_byte(whole, copy):
    content, rng, n_refused = whole.journal.read_bytes(), random.Random(2), 0
    cut_off = copy.journal.with_name("optuna.journal.cut")
    for n in range(N_FAULTS):
        kind, damaged = damage(content, rng)
        seal_of(copy.journal).unlink(missing_ok=True)
        cut_off.unlink(missing_ok=True)
        copy.journal.write_bytes(damaged)
        found = outcome(copy, for_writing=n % 2 == 0)
        n_refused += found is None
        left = copy.journal.read_bytes()
        assert damaged.startswith(left), (n, kind)
        if left != damaged:  # what cannot be read at its end is kept beside it, a line at a time
            kept = cut_off.read_bytes().split(b"\n")[:-1]
            assert b"\n".join(reversed(kept)) == damaged[len(left) :].removesuffix(b"\n"), (n, kind)
    assert n_refused > N_FAULTS / 10


def test_faults_are_one_line_of_every_command(whole, copy, tiny, capsys):
    content, rng = whole.journal.read_bytes(), random.Random(3)
    home = ["--home", str(copy.root)]
    commands = [["status"], ["report", str(tiny)], ["predict", str(tiny)], ["plan", str(tiny)], ["run", str(tiny)]]
    for arguments in commands:
        copy.journal.write_bytes(content[: len(content) // 2])
        assert main([*arguments, *home]) == 2, arguments
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"dlstudy: the record {copy.journal} is damaged ("), arguments
        assert copy.journal.read_bytes() == content[: len(content) // 2]
    for _ in range(60):
        copy.journal.write_bytes(damage(content, rng)[1])
        seal_of(copy.journal).unlink(missing_ok=True)
        assert main(["status", "--json", *home]) in (0, 2)


def test_a_half_written_last_line_is_cut_off_and_the_rest_is_whole(whole, copy):
    right, content = read(whole), whole.journal.read_bytes()
    line = content.splitlines(keepends=True)[-1]
    for n in range(1, len(line)):
        copy.journal.write_bytes(content + line[:n])
        assert read(copy) == right
    assert copy.journal.read_bytes() == content + line[:-1]
    assert read(copy, for_writing=True) == right
    assert copy.journal.read_bytes() == content


def test_lines_that_a_kill_left_unsealed_count(whole, copy):
    right = read(whole)
    seal_of(copy.journal).write_text("00000000000000000000 00000000\n")
    assert read(copy) == right
    fill(Record.open(copy))
    assert len(read(copy)) == 2 * N_TRIALS
    assert seal_of(copy.journal).read_text().startswith(f"{len(copy.journal.read_bytes()):020d} ")


def test_a_run_continues_after_the_half_line_of_another_that_was_killed(copy):
    arm = ArmRecord(Record.open(copy), NAME, Direction.MAXIMIZE)
    add(arm, 20)
    with copy.journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    add(arm, 21)
    assert [trial.index for trial in read(copy)][-2:] == [20, 21]
    assert copy.journal.with_name("optuna.journal.cut").read_bytes() == b'{"op_code":4,"worker\n'


def test_a_kill_between_a_proposal_and_its_description_leaves_the_record_legible(whole, copy):
    arm, record = ArmRecord(Record.open(copy), NAME, Direction.MAXIMIZE), read(whole)
    key, _ = arm.propose(RATE)
    arm._live[key].set_user_attr("index", 20)  # the first of four writes
    assert read(copy) == record
    assert len(arm.end_all("stopped")) == 1  # the other one trains nothing yet
    assert [trial.state for trial in read(copy)] == [*[trial.state for trial in record[:-1]], "killed"]


def test_a_journal_that_is_shortened_during_a_run_is_reported_and_left(copy):
    arm = ArmRecord(Record.open(copy), NAME, Direction.MAXIMIZE)
    os.truncate(copy.journal, 1000)
    with pytest.raises(
        RecordError, match=r"is damaged \(1,000 bytes are left of [\d,]+ that were written\): restore it"
    ):
        add(arm, 20)
    assert copy.journal.stat().st_size == 1000


def test_a_journal_that_is_taken_away_during_a_run_is_reported(copy):
    arm = ArmRecord(Record.open(copy), NAME, Direction.MAXIMIZE)
    copy.journal.unlink()
    with pytest.raises(StoreError, match=r"optuna\.journal could not be read or written \(No such file or directory\)"):
        begin(arm, 20)


def test_what_a_message_proposes_works(whole, copy):
    content = whole.journal.read_bytes()
    copy.journal.write_bytes(content[:3000])
    with pytest.raises(RecordError, match=r"or remove optuna\.journal\.seal to continue with what can be read"):
        read(copy)
    seal_of(copy.journal).unlink()
    assert 0 < len(read(copy, for_writing=True)) < N_TRIALS
    copy.journal.write_bytes(content)
    copy.journal.rename(copy.root / "moved away")
    seal_of(copy.journal).write_bytes(seal_of(whole.journal).read_bytes())
    assert read(copy) == []
    fill(Record.open(copy))
    assert len(read(copy)) == N_TRIALS


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_failed_append_is_undone_and_the_next_one_works(copy, monkeypatch, fault, part):
    arm = ArmRecord(Record.open(copy), NAME, Direction.MAXIMIZE)
    spec, before, write = begin(arm, 20), copy.journal.read_bytes(), journals._write_through

    def fail(file, data):
        file.write(data[: int(part * len(data))])
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(journals, "_write_through", fail)
    with pytest.raises(StoreError, match=rf"optuna\.journal could not be read or written \({os.strerror(fault)}\): "):
        arm.end(spec, RESULT, 0.5, "")
    assert copy.journal.read_bytes() == before
    monkeypatch.setattr(journals, "_write_through", write)
    add(arm, 21)
    assert [trial.state for trial in read(copy)][-2:] == ["running", "finished"]


def test_a_database_with_any_fault_is_refused_or_read_whole(tmp_path):
    home, path, broken = Home.at(tmp_path), tmp_path / "whole.db", tmp_path / "broken.db"
    fill(Record.open(home, f"sqlite:///{path}"))
    content, rng, counts = path.read_bytes(), random.Random(4), Counter()
    right = read(home, f"sqlite:///{path}")
    for n in range(N_FAULTS // 4):
        damaged = bytearray(content)
        if n % 2:
            del damaged[rng.randrange(len(content)) :]
        for _ in range(rng.choice([1, 30]) if n % 2 == 0 else 0):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        broken.write_bytes(damaged)
        found = outcome(home, f"sqlite:///{broken}", for_writing=n % 4 < 2)
        assert broken.read_bytes() == damaged, n
        assert found is None or facts(found) == facts(right), n
        counts["cut" if n % 2 else "flip", "refused" if found is None else "read"] += 1
    assert counts["cut", "refused"] > 0


@pytest.mark.parametrize("content", [b"", b"no database", bytes(4096)])
def test_what_is_no_database_is_refused_and_left(tmp_path, content):
    path = tmp_path / "record.db"
    path.write_bytes(content)
    for for_writing in (False, True):
        with pytest.raises(
            RecordError, match=r"the storage that --storage names cannot be opened: .*: correct the URL, or"
        ):
            Record.open(Home.at(tmp_path), f"sqlite:///{path}", for_writing)
    assert path.read_bytes() == content
