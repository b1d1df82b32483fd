"""What a trial prints is kept, bounded, and the terminal is as before."""

import os
import subprocess
import sys

import pytest

from dlstudy.study import trial_output
from dlstudy.study.trial_output import captured_output, keep_output, output_file
from tests.helpers.trainings import spec_of


@pytest.fixture
def spec(tmp_path):
    return spec_of(key="s.default.search.a#12", folder=str(tmp_path / "files" / "search-0"))


def kept(spec):
    path = output_file(trial_output.Path(spec.folder), spec.key)
    assert path.name == "output-12.txt"
    return path.read_text() if path.is_file() else None


def test_all_that_a_trial_prints_is_kept_whoever_prints_it(spec, tmp_path, capfd):
    print("before")
    with captured_output(tmp_path / "log", spec):
        print("by Python")
        os.write(2, b"by a library\n")
        subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    print("after")
    assert sorted(kept(spec).split("\n")) == ["", "by Python", "by a child", "by a library"]
    assert capfd.readouterr().out == "before\nafter\n"
    assert not (tmp_path / "log").exists()


def test_what_a_trial_printed_is_kept_when_it_raises(spec, tmp_path):
    def train():
        with captured_output(tmp_path / "log", spec):
            print("first")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train()
    assert kept(spec) == "first\n"


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_trial_that_prints_nothing_leaves_no_file(spec, tmp_path, text):
    (tmp_path / "log").write_text(text)
    keep_output(tmp_path / "log", spec)
    assert kept(spec) is None
    assert not (tmp_path / "files").exists()


def test_of_a_long_output_the_beginning_and_the_end_are_kept(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(trial_output, "_FIRST_BYTES", 5)
    monkeypatch.setattr(trial_output, "_LAST_BYTES", 3)
    (tmp_path / "log").write_text("first" + 1_000 * "." + "end")
    keep_output(tmp_path / "log", spec)
    assert kept(spec) == "first\n... 1,000 bytes left out ...\nend"
    (tmp_path / "log").write_text("firstend")
    keep_output(tmp_path / "log", spec)
    assert kept(spec) == "firstend"


def test_a_disk_that_cannot_be_written_costs_no_trial(spec, tmp_path):
    (tmp_path / "files").write_text("in the way")
    (tmp_path / "log").write_text("text")
    keep_output(tmp_path / "log", spec)
    keep_output(tmp_path / "no log", spec)
    keep_output(tmp_path / "log", spec_of())  # whose trial has no folder
