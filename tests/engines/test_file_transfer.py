"""What travels between machines: nothing more than is needed, and nothing out of its folder."""

import pytest

from dlstudy.engines.file_transfer import collect, put_in_place, read_study, spec_in, write_files
from dlstudy.study.trial import pictures_beside
from tests.engines.test_engines import make_spec


def test_a_study_that_python_cannot_read_travels_as_it_is(tmp_path):
    (tmp_path / "odd.py").write_bytes(b"def \xff")
    assert read_study(tmp_path / "odd.py") == {"odd.py": b"def \xff"}


def test_modules_that_import_each_other_travel_once_and_others_stay(tmp_path):
    (tmp_path / "study.py").write_text("import numpy\nfrom one import X\nfrom . import two")
    (tmp_path / "one.py").write_text("import study, one")
    (tmp_path / "two.py").write_text("")
    assert sorted(read_study(tmp_path / "study.py")) == ["one.py", "study.py"]


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_no_file_leaves_its_folder(tmp_path, name):
    with pytest.raises(ValueError, match="lies in its folder"):
        write_files({name: b""}, tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_a_trial_that_wrote_nothing_leaves_what_an_earlier_one_wrote(tiny, tmp_path):
    spec = make_spec(tiny, 0, model_folder=str(tmp_path / "model"))
    (tmp_path / "model").mkdir()
    there = spec_in(spec, tiny, tmp_path / "there")
    put_in_place(collect(there), spec)
    assert (tmp_path / "model").is_dir()


def test_folders_travel_whole_with_empty_files(tiny, tmp_path):
    spec = make_spec(tiny, 0, model_folder=str(tmp_path / "home" / "model"))
    there = spec_in(spec, tiny, tmp_path / "there")
    for folder in (tmp_path / "there" / "model" / "data", pictures_beside(tmp_path / "there" / "model")):
        folder.mkdir(parents=True)
        (folder / "empty").touch()
    put_in_place(collect(there), spec)
    found = sorted(str(path.relative_to(tmp_path / "home")) for path in (tmp_path / "home").rglob("empty"))
    assert found == ["model.pictures/empty", "model/data/empty"]
