"""Studies that are made in Python, as files for other processes: their source text, and what has none."""

import dataclasses
import functools
import linecache
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study
from dlstudy.errors import StudyError
from dlstudy.study import loader
from dlstudy.study.archive import Archive, archived_name, left_out, newest, read_archive
from dlstudy.study.fingerprint import code_of
from dlstudy.study.packing import pack

DEPTH = 3
WEIGHTS = np.arange(4.0)


class Tree:
    """A tree of that depth."""

    def fit_depth(self) -> int:
        return DEPTH


def depth_of(p: dict, more: int = DEPTH) -> int:
    return Tree().fit_depth() + more * p["seed"]


def build(p):
    """The tree."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=depth_of(p))


def weigh(x, y, train, p):
    return x * WEIGHTS[0], y


def make_study(build=build, **more):
    return Study(
        question="How deep?",
        dataset="digits",
        build=build,
        arms=[Arm("a", {"kind": "x"}, {"rate": FloatDistribution(1e-3, 1.0, log=True)}), Arm("b", {"kind": "y"})],
        protocol=Protocol(searches=1, seeds=6, split=Split(validation=0.25)),
        claims=[Claim("a is better", better="a", than="b", metric="test_accuracy")],
        **more,
    )


def packed(study, folder, name="mine"):
    archive = pack(study, name)
    return archive, loader.load(archive.write(folder))


def test_the_text_has_what_the_functions_use_and_is_a_study_file_of_the_same_definition(tmp_path):
    archive, file = packed(make_study(), tmp_path / "home")
    assert (left_out(archive.source), archive.pickled) == ("", b"")
    for part in ("DEPTH = 3\n", "class Tree:\n", "def depth_of(", "def build(p):\n", "STUDY = Study(\n"):
        assert part in archive.source
    assert "weigh" not in archive.source
    assert "WEIGHTS" not in archive.source
    (tmp_path / "mine.py").write_text(archive.source)
    saved = loader.load(tmp_path / "mine.py")
    assert code_of(saved) == code_of(file) == code_of(loader.load(tmp_path / "mine.py"))
    assert set(code_of(file)) == {"build", "depth_of", "Tree", "DEPTH"}
    assert file.name == saved.name == "mine"
    assert file.study.build({"seed": 2}).max_depth == 9


def test_the_text_of_the_loaded_study_is_the_same_text(tmp_path):
    archive, file = packed(make_study(), tmp_path)
    assert pack(file.study, "mine").source == archive.source


@pytest.mark.parametrize("name", sorted(loader.paths()))
def test_every_study_of_the_course_can_be_written_from_its_objects(name, tmp_path):
    study = loader.load(loader.paths()[name]).study
    archive, file = packed(study, tmp_path, "other")
    assert left_out(archive.source) == ""
    for item in dataclasses.fields(study):
        if not callable(getattr(study, item.name)):
            assert getattr(file.study, item.name) == getattr(study, item.name), item.name
        else:
            assert getattr(file.study, item.name).__code__.co_code == getattr(study, item.name).__code__.co_code


def test_a_closure_a_lambda_and_a_table_are_kept_and_still_work(tmp_path):
    def scaled(factor):
        return lambda x, y, train, p: (x * factor * DEPTH, y)

    archive, file = packed(make_study(prepare=scaled(2.0)), tmp_path)
    assert left_out(archive.source) == "prepare"
    assert file.study.prepare(5.0, 1, None, {}) == (30.0, 1)
    assert {"prepare", "DEPTH", "build"} <= set(code_of(file))
    other = packed(make_study(prepare=scaled(3.0)), tmp_path)[1]
    assert {name for name in code_of(file) if code_of(file)[name] != code_of(other)[name]} == {"prepare"}
    archive, file = packed(make_study(prepare=weigh), tmp_path)
    assert left_out(archive.source) == "WEIGHTS"
    assert file.study.prepare(5.0, 1, None, {}) == (0.0, 1)
    assert code_of(file)["WEIGHTS"] != code_of(file)["weigh"]


def test_a_partial_counts_with_its_arguments(tmp_path):
    one, other = (packed(make_study(functools.partial(depth_of, more=n)), tmp_path)[1] for n in (1, 2))
    assert one.study.build({"seed": 2}) == 5
    assert code_of(one)["build"] != code_of(other)["build"]


def test_rows_in_memory_travel_and_do_not_count_as_code(tmp_path):
    rows = Data(np.zeros((4, 2)), [0, 1, 0, 1])
    study = dataclasses.replace(make_study(), dataset="", data=rows)
    archive, file = packed(study, tmp_path)
    assert left_out(archive.source) == "data"
    assert file.study.data.x.shape == (4, 2)
    assert set(code_of(file)) == {"build", "depth_of", "Tree", "DEPTH"}


SCRIPT = """
import sys
from dlstudy import Arm, Protocol, Split, Study
from dlstudy.study.packing import pack

KINDS = {{"a", "b", "c", "d"}}
TABLE = [object, {{"x": KINDS}}]
def outer(factor):
    def build(p):
        return factor in {{"one", "two", "three"}}, TABLE, p
    return build
{space}
study = Study(question="?", dataset="digits", build=outer({factor!r}), arms=[Arm("a")],
              protocol=Protocol(searches=1, seeds=1, split=Split(validation=0.25)))
print(sorted(pack(study, "mine").kept.items()))
"""


def test_digests_are_the_same_in_every_process_and_on_every_line(tmp_path):
    def digests(seed, **words):
        path = tmp_path / "script.py"
        path.write_text(
            SCRIPT.format(**{"space": "", "factor": "one", **words}).replace('question="?"', 'question="Is it?"')
        )
        answer = subprocess.run(
            [sys.executable, str(path)], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return answer.stdout

    first = digests("1")
    assert "'build'" in first
    assert digests("2", space="\n# moved\n") == first
    assert digests("1", factor="two") != first


def test_a_function_whose_file_has_changed_since_is_kept_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "changing.py"
    path.write_text("def build(p):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import changing

    assert left_out(pack(make_study(changing.build), "mine").source) == ""
    path.write_text("def build(p):\n    return 2000\n")
    linecache.checkcache()
    archive, file = packed(make_study(changing.build), tmp_path / "home")
    assert left_out(archive.source) == "build"
    assert file.study.build({}) == 1


def test_what_exists_in_this_process_alone_is_refused_in_one_line():
    lock = threading.Lock()
    with pytest.raises(StudyError, match=r"cannot be sent to other processes .*lock.* make it within the function"):
        pack(make_study(lambda p: lock), "mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "mine-0123456789ab.dlstudy is damaged: run the study from Python again"),
        (dataclasses.replace(Archive("mine", "", "STUDY = 1"), pickled=b"x", python="2.7").content(),
         "is for Python 2.7, got"),
        (Archive("mine", "", "STUDY = 1").content(), "must define STUDY = Study"),
        (Archive("mine", "", "1 +").content(), "mine-0123456789ab.dlstudy, line 1: invalid syntax"),
        (Archive("mine", "", "x = 1\nraise ValueError('no')").content(), "line 2: ValueError: no"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_why(content, message, tmp_path):
    path = tmp_path / "mine-0123456789ab.dlstudy"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        loader.load(path)


def test_the_newest_file_of_a_study_is_found_by_its_name_and_replaces_older_ones(tmp_path):
    first = Archive("my-study", "", "STUDY = 1").write(tmp_path)
    other = Archive("my", "", "STUDY = 2").write(tmp_path)
    assert newest(tmp_path) == {"my-study": first, "my": other}
    second = Archive("my-study", "", "STUDY = 3").write(tmp_path)
    assert (newest(tmp_path, "my-study"), first.exists(), other.exists()) == ({"my-study": second}, False, True)
    assert archived_name(second) == loader.name_of(str(second)) == "my-study"
    assert loader.find("my-study", tmp_path) == second
    assert read_archive(second) == Archive("my-study", "", "STUDY = 3", {}, [])
    with pytest.raises(StudyError, match=r"no study is named 'my-stud': did you mean my-study\?"):
        loader.find("my-stud", tmp_path)
