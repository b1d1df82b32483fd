"""Hand-ins: how they are found, what is compared with the assignment, and that a bad one does not stop the others."""

import dataclasses
import zipfile

import numpy as np
import pytest

from dlstudy.analysis.class_results import Looked
from dlstudy.analysis.places import Place
from dlstudy.analysis.results import MetricSummary
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.runner import grading, packs
from dlstudy.runner.grading import Rules, grade
from dlstudy.runner.hand_ins import HandIn, deviations, facts_of, file_name, find_hand_ins
from dlstudy.runner.looking import Asked, look_at
from dlstudy.runner.packs import opened, pack_study
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.study.variant import Variant
from tests.conftest import TINY
from tests.helpers import fake_runs


def packed(path, home, output):
    """A pack without the figures of its report, which take a second."""
    fake_runs.run(path, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "export", lambda *_: "a report")
        return pack_study(loader.load(path), None, home, None, output, with_files=False)


def looked_at(pack_file, dataset="digits", data="", retrain=0):
    with opened(pack_file) as pack:
        return look_at(Asked(pack.path, pack.home.root, dataset, data, np.zeros((2, 8, 8)), retrain))


@pytest.fixture
def assignment(tiny):
    return resolve(loader.load(tiny), Request())


@pytest.fixture(scope="module")
def pack_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alice")
    (folder / "tiny.py").write_text(TINY)
    home = Home.at(folder / "home")
    home.create()
    return packed(folder / "tiny.py", home, folder / "alice.pack.zip")


def test_files_are_named_for_who_handed_them_in(tmp_path):
    folder = tmp_path / "handed in"
    for name in ("alice.pack.zip", "Bob B.zip", "Carol/study.pack.zip", "Dave/a.zip", "Dave/b.zip", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    assert [each.name for each in find_hand_ins(folder)] == ["Bob B", "alice", "Carol", "Dave a", "Dave b"]
    assert file_name("../Bob  B/1") == "Bob-B-1"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (None, "hand-ins are in a folder, got"),
        ([], r"hand-ins are .zip files that `dlstudy pack --files` writes, got none in"),
        (["a.zip", "a.pack.zip"], "must differ in name, got 'a' twice"),
    ],
)
def test_a_folder_without_hand_ins_is_refused(tmp_path, names, message):
    folder = tmp_path / "x"
    for name in names or []:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("")
    if names == []:
        folder.mkdir()
    with pytest.raises(UsageError, match=message):
        find_hand_ins(folder)


def test_a_hand_in_that_keeps_to_the_assignment_has_its_facts(pack_file, assignment):
    looked = looked_at(pack_file)
    assert deviations(facts_of(assignment), looked.facts) == []
    assert (looked.differs, looked.is_complete, looked.n_trials, looked.others) == ("", True, 21, [])
    assert looked.arm in ("net", "logistic")
    assert looked.claimed.n == 6
    assert looked.why == "the pack holds no model of the winner: pack it with `dlstudy pack --files`"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epochs=2", "epochs=3", "epochs is 3, and the assignment says 2"),
        ("trials=2", "trials=4", "trials is 4, and the assignment says 2"),
        (
            "Split(validation=200)",
            "Split(validation=100)",
            "split is Split(validation=100, test=None, random_state=None), and ",
        ),
        ("rows=600", 'rows=600, metric="val_loss"', "metric is val_loss, and the assignment says val_accuracy"),
    ],
)
def test_what_the_assignment_fixes_is_told_where_it_differs(tiny, home, tmp_path, assignment, old, new, expected):
    other = tmp_path / "other.py"
    other.write_text(tiny.read_text().replace(old, new))
    looked = looked_at(packed(other, home, tmp_path / "other.zip"))
    found = deviations(facts_of(assignment), looked.facts)
    assert any(text.startswith(expected) for text in found)
    assert not deviations(facts_of(assignment), looked.facts, free=[*facts_of(assignment)])


def test_what_students_may_change_is_no_deviation(tiny, home, tmp_path, assignment):
    text = tiny.read_text().replace("Dropout(0.1)", "Dropout(0.3)").replace("1e-3, 1e-1", "1e-4, 1e-2")
    (tmp_path / "mine.py").write_text(text)
    looked = looked_at(packed(tmp_path / "mine.py", home, tmp_path / "mine.zip"))
    assert deviations(facts_of(assignment), looked.facts) == []
    assert looked.code != grading.code_digest(assignment)


def test_a_study_of_other_data_is_not_asked_for_predictions(pack_file):
    looked = looked_at(pack_file, data="0123456789abcdef")
    assert looked.why == "it is a study of other data, and not of this assignment"
    assert looked.n_trials == 21


def test_code_that_was_changed_after_the_run_is_noticed(pack_file, tmp_path):
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(pack_file) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            text = old.read(item)
            new.writestr(item, text.replace(b"Dropout(0.1)", b"Dropout(0.2)") if "code/" in item.filename else text)
    assert "the code of build changed" in looked_at(changed).differs


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "raise KeyboardInterrupt", "1 / 0"])
def test_code_that_ends_its_process_is_a_reason(pack_file, tmp_path, code):
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(pack_file) as old, zipfile.ZipFile(bad, "w") as new:
        for item in old.infolist():
            text = old.read(item)
            new.writestr(item, text + code.encode() if item.filename == "code/tiny.py" else text)
    looked = looked_at(bad)
    assert looked.why
    assert str(tmp_path) not in looked.why


def test_a_copy_under_another_name_has_the_same_code(tiny, home, tmp_path, pack_file):
    (tmp_path / "copy.py").write_text("# mine\n" + tiny.read_text())
    copied = looked_at(packed(tmp_path / "copy.py", home, tmp_path / "copy.zip"))
    assert copied.code == looked_at(pack_file).code


def test_another_variant_in_the_pack_is_named(tiny, home, tmp_path):
    fake_runs.run(tiny, home, Request(variant=Variant(epochs=5)))
    looked = looked_at(packed(tiny, home, tmp_path / "two.zip"))
    assert looked.others == ["epochs=5"]
    assert looked.n_trials == 42


def made(labels, code="own", **more):
    """What is said of a hand-in that predicts these labels."""
    summary = MetricSummary(0.9, 0.01, 3, [0.9], [1])
    return Looked(code=code, claimed=summary, predicted=[{"labels": np.array(labels)}], **more)


@pytest.fixture
def graded(assignment, pack_file, tmp_path, monkeypatch):
    """Grades files whose names say what is found in them."""

    def run(found, baseline=None):
        facts = facts_of(assignment)

        def ask(function, asked, *, timeout_s):
            answer = found[names.pop(0)]
            if isinstance(answer, Exception):
                raise answer
            return dataclasses.replace(answer, facts={**facts, **answer.facts})

        names = [*found]
        monkeypatch.setattr(grading, "ask_in_time", ask)
        files = {name: tmp_path / f"{name}.zip" for name in found}
        for i, path in enumerate(files.values()):
            path.write_bytes(pack_file.read_bytes())
            with zipfile.ZipFile(path, "a") as file:
                file.writestr("other", str(i))
        hand_ins = [HandIn(name, path) for name, path in files.items()]
        y = np.zeros(60, int)
        rules = Rules(assignment, np.zeros((60, 8, 8)), y)
        return grade(hand_ins[: -1 if baseline else None], hand_ins[-1] if baseline else None, rules, lambda _: None)

    return run


def test_a_hand_in_that_fails_does_not_stop_the_others(graded):
    board = graded(
        {
            "hung": DlstudyError("it did not end within 600 s"),
            "good": made([0] * 58 + [1] * 2),
            "bad": made([1] * 50 + [0] * 10, code="other"),
            "odd": made([0] * 59, code="third"),
            "texts": made(["a"] * 60, code="fourth"),
        }
    )
    assert [each.name for each in board.graded] == ["good", "bad", "hung", "odd", "texts"]
    good, bad, hung, odd, texts = board.graded
    assert (good.place, bad.place, hung.place, odd.place) == (Place(1, 1), Place(2, 2), None, None)
    assert (good.score, bad.score) == (pytest.approx(58 / 60), pytest.approx(10 / 60))
    assert hung.why == "it did not end within 600 s"
    assert "shape (59,)" in odd.why
    assert "ValueError" in texts.why


def test_who_deviates_is_scored_and_has_no_place(graded):
    board = graded({"a": made([0] * 60), "b": made([0] * 60, code="x", facts={"epochs": "9"})})
    a, b = board.graded
    assert (a.name, b.name, b.place, b.score) == ("a", "b", None, 1.0)
    assert b.deviations == ["epochs is 9, and the assignment says 2"]


def test_a_baseline_is_compared_with_each_and_has_no_place(graded):
    board = graded(
        {"a": made([0] * 60), "b": made([0] * 29 + [1] * 31, code="x"), "base": made([0] * 30 + [1] * 30)}, True
    )
    assert [each.name for each in board.graded] == ["a", "b"]
    assert board.baseline.score == 0.5
    assert board.graded[0].against.is_told
    assert not board.graded[1].against.is_told


def test_several_models_of_a_hand_in_count_with_their_mean(graded):
    two = dataclasses.replace(made([]), predicted=[{"labels": np.zeros(60, int)}, {"labels": np.ones(60, int)}])
    (each,) = graded({"a": two}).graded
    assert (each.score, each.of_models) == (0.5, [1.0, 0.0])


def test_what_is_alike_is_remarked(graded, assignment):
    given = grading.code_digest(assignment)
    chances = {"labels": np.zeros(60, int), "probabilities": np.full((60, 10), 0.1)}
    board = graded(
        {
            "a": made([0] * 60, code="x"),
            "b": made([0] * 60, code="x"),
            "c": made([0] * 60, code=given),
            "d": dataclasses.replace(made([], code="y"), predicted=[chances]),
            "e": dataclasses.replace(made([], code="z"), predicted=[chances]),
        }
    )
    found = {each.name: list(each.remarks) for each in board.graded}
    assert found == {
        "a": ["the same code as b's, but for names and comments"],
        "b": ["the same code as a's, but for names and comments"],
        "c": ["the code is the assignment's, as it was given out"],
        "d": ["predicts exactly what e's does, from other code"],
        "e": ["predicts exactly what d's does, from other code"],
    }


def test_a_file_that_is_no_pack_is_not_opened_in_a_process(assignment, tmp_path):
    (tmp_path / "x.zip").write_text("nothing")
    rules = Rules(assignment, np.zeros((2, 8, 8)), np.zeros(2, int))
    (each,) = grade([HandIn("x", tmp_path / "x.zip")], None, rules, lambda _: None).graded
    assert each.why == "the file is no whole pack of `dlstudy pack` (File is not a zip file)"
