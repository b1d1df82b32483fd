"""Bad studies and bad command lines: exit code 2, and one to three lines with the fault, its place and the remedy."""

import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from tests.helpers.bad_input import COMMANDS, FILES, HEAD, STUDIES
from tests.helpers.full_form import FULL

GOOD = f"{HEAD}study(protocol=Protocol(searches=1, seeds=6), claims=[Claim('a wins', 'a', 'b', 'test_accuracy')])\n"
CASES = [(message, typed) for message, many in STUDIES.items() for typed in many]
LINES = [(message, typed) for message, many in COMMANDS.items() for typed in many]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, where a study that is accepted by mistake trains nothing."""

    def accepted(*arguments):
        raise AssertionError("this should have been refused")

    monkeypatch.setattr("dlstudy.store.home.Home.held", accepted)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, folder: Path, *words: str) -> str:
    """The message on bad input, once everything that holds for all such messages was checked."""
    before = everything(folder)
    code = main([*words])
    out, err = capsys.readouterr()
    assert code == 2, err
    assert out == ""
    assert err.startswith("dlstudy: ")
    assert len(err.splitlines()) <= 3
    assert all(letter.isprintable() for line in err.splitlines() for letter in line)
    assert len(err) < 700
    assert "Traceback" not in err
    assert everything(folder) == before, "a command that is refused leaves no trace"
    return err


def everything(folder: Path) -> list[str]:
    """All files but what Python itself keeps of a study's modules."""
    return sorted(str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_the_tables_hold_hundreds_of_cases():
    assert len(CASES) + len(FILES) + len(LINES) > 500
    assert len(set(CASES)) == len(CASES)
    assert len(set(LINES)) == len(LINES)


def test_what_the_tables_change_is_a_good_study(here, monkeypatch, capsys):
    (here / "good.py").write_text(GOOD)
    assert main(["show", "good.py"]) == 0
    with pytest.raises(AssertionError, match="this should have been refused"):
        main(["run", "good.py"])


@pytest.mark.parametrize(("message", "study"), CASES)
def test_a_bad_study_is_refused_and_its_field_named(here, capsys, message, study):
    (here / "bad.py").write_text(f"{HEAD}{study}\n")
    assert message in refused(capsys, here, "run", "bad.py")


@pytest.mark.parametrize(("name", "content", "message"), FILES, ids=lambda value: ascii(value)[:40])
def test_a_file_that_is_no_study_is_refused_and_named(here, capsys, name, content, message):
    (here / name).write_bytes(content)
    assert message in refused(capsys, here, "run", f"./{name}")


@pytest.mark.parametrize(("message", "line"), LINES, ids=lambda value: ascii(value)[:60])
def test_a_bad_command_line_is_refused(here, capsys, message, line):
    (here / "good.py").write_text(GOOD)
    (here / "file").write_text("x")
    (here / "folder.py").mkdir()
    (here / "loop.py").symlink_to("loop.py")
    os.mkfifo(here / "pipe.py")
    assert message in refused(capsys, here, *shlex.split(line))


def test_every_field_of_a_study_is_in_the_tables():
    from dataclasses import fields

    from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study, Sweep

    texts = " ".join(study for _, study in CASES)
    kinds = {Study: "study", Arm: "one_arm", Protocol: "protocol", Split: "split", Sweep: "sweep"}
    kinds |= {Claim: "claim", Reported: "reported", Derived: "derived"}
    missing = [
        f"{maker}({field.name}="
        for kind, maker in kinds.items()
        for field in fields(kind)
        if f"{maker}({field.name}=" not in texts and f"{maker}(space=RATE, {field.name}=" not in texts
    ]
    assert missing == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_study_may_begin_with_a_byte_order_mark(here, capsys, encoding):
    (here / "good.py").write_text(GOOD, encoding=encoding)
    assert main(["show", "good.py"]) == 0


@pytest.mark.parametrize("words", [[], ["data"]])
def test_no_command_shows_the_help(here, capsys, words):
    assert main(words) == 2
    assert "Usage" in capsys.readouterr().out
    assert everything(here) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "bad.py"], "dlstudy: bad.py, line 1: NameError: name 'x' is not defined\n"),
        (["run", b"\xff\xfe.py"], r"dlstudy: no study file at '\udcff\udcfe.py': check the path"),
        (["run", "json.py"], "dlstudy: json.py must define STUDY = Study(...), got nothing of that name"),
    ],
)
def test_the_installed_program_refuses_it_too(tmp_path, words, message):
    (tmp_path / "bad.py").write_text("x\n")
    (tmp_path / "json.py").write_text("")
    script = "import sys; from dlstudy.cli.app import main; sys.exit(main())"  # as the installed `dlstudy` does
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"bad.py", "json.py"}


def test_a_terminal_that_knows_no_such_letters_gets_question_marks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dlstudy", "data", "list"],
        cwd=tmp_path, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"digits" in done.stdout
    assert b"?" in done.stdout


ODD = (
    *(
        "None",
        "True",
        "0",
        "-1",
        "10**400",
        "-0.0",
        "nan",
        "-inf",
        "1e308",
        "1j",
        "''",
        "'x'",
        "'\\x00\\n\\x1b[2J'",
        "b'x'",
    ),
    *("'a' * 10**6", "[]", "[[]]", "[None]", "['a', 'a']", "{}", "{'a': {}}", "{1: 2}", "()", "range(10**12)", "set()"),
    *("build", "Study", "object()", "...", "Split", "RATE", "SWEPT", "iter('ab')", "__import__('numpy').zeros((9, 9))"),
    *("type('Liar', (), {'__repr__': lambda self: 1 / 0, '__len__': lambda self: -1})()", "Ellipsis.__class__"),
)


def shown_or_refused():
    try:
        return main(["show", "bad.py", "--json"])
    except Exception as error:
        return repr(error)


def test_no_value_in_any_field_is_a_traceback(here, capsys):
    """Every odd value in every field: taken for good, and then shown, or refused with the file's name."""
    fields = sorted({study.partition("=")[0] for _, study in CASES if "=" in study and study.endswith(")")})
    fields = [field for field in fields if field.count("(") == 1]
    assert len(fields) > 50
    n_refused, broken = 0, []
    n_values = len(ODD) if FULL else 6
    for field in fields:
        for value in random.Random(field).sample(ODD, n_values):
            (here / "bad.py").write_text(f"{HEAD}{field}={value})\n")
            code = shown_or_refused()
            err = capsys.readouterr().err
            n_refused += code == 2
            lines = err.splitlines()
            clear = not lines if code == 0 else code == 2 and len(lines) == 1 and lines[0].startswith("dlstudy: bad.py")
            if not clear or len(err) > 700 or not all(map(str.isprintable, lines)):
                broken.append((field, value, code, err[:300]))
    assert broken == []
    assert n_refused > 0.55 * n_values * len(fields)
