"""A study's own modules: which files they are, and how they are imported."""

import ast
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlstudy.study import loader
from dlstudy.study.own_modules import OwnModules

STUDY = """from dlstudy import Arm, Study
{imports}
STUDY = Study("Is it?", "digits", build, [Arm("a")])
"""
LAZY = "def build(p):\n    import helpers\n    return helpers.WIDTH"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes files, their texts by their paths; the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def imported_by(source: str, path: Path) -> list[str]:
    """The own modules that a study file with this text and at this path imports, by their paths."""
    return [*OwnModules(path).files([ast.parse(source)])]


@pytest.mark.parametrize(
    "source",
    [
        "import helpers",
        "import json, helpers as h",
        "from helpers import WIDTH",
        "from helpers import *",
        "def build(p):\n    if p:\n        from helpers import WIDTH",
    ],
)
def test_a_module_beside_the_study_is_its_own_wherever_it_is_imported(tmp_path, source):
    write(tmp_path, {"helpers.py": "", "other.py": ""})
    assert imported_by(source, tmp_path / "s.py") == ["helpers.py"]


def test_what_an_own_module_imports_is_followed_to_the_end(tmp_path):
    write(tmp_path, {"one.py": "import two", "two.py": "def f():\n    from three import X", "three.py": "import math"})
    assert imported_by("import one", tmp_path / "s.py") == ["one.py", "three.py", "two.py"]


def test_modules_that_import_each_other_and_the_study_are_each_found_once(tmp_path):
    write(tmp_path, {"s.py": "", "one.py": "import two, s", "two.py": "import one, two"})
    assert imported_by("import one, s", tmp_path / "s.py") == ["one.py", "two.py"]


PACKAGE = {
    "pkg/__init__.py": "from .base import X",
    "pkg/base.py": "",
    "pkg/deep/__init__.py": "",
    "pkg/deep/one.py": "from ..base import X\nfrom . import two\nfrom .. import three",
    "pkg/deep/two.py": "",
    "pkg/three.py": "",
    "pkg/four.py": "",
}
INIT = ["pkg/__init__.py", "pkg/base.py"]
DEEP = ["pkg/deep/__init__.py", "pkg/deep/one.py", "pkg/deep/two.py"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pkg", INIT),
        ("import pkg.three", [*INIT, "pkg/three.py"]),
        ("from pkg import three, X", [*INIT, "pkg/three.py"]),
        ("from pkg.three import X", [*INIT, "pkg/three.py"]),
        ("import pkg.deep.two", [*INIT, "pkg/deep/__init__.py", "pkg/deep/two.py"]),
        ("from pkg.deep import one", [*INIT, *DEEP, "pkg/three.py"]),
        ("from pkg import *", [*INIT, "pkg/four.py", "pkg/three.py"]),
        ("from pkg.nothing import X", INIT),
        ("from . import pkg", []),  # the study is in no package
    ],
)  # fmt: skip
def test_of_a_package_what_the_import_runs_is_found(tmp_path, source, found):
    assert imported_by(source, write(tmp_path, PACKAGE) / "s.py") == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from .helpers import build", ["top/__init__.py", "top/models/__init__.py", "top/models/helpers.py"]),
        ("from . import helpers", ["top/__init__.py", "top/models/__init__.py", "top/models/helpers.py"]),
        ("from .. import base", ["top/__init__.py", "top/base.py"]),
        ("from ..base import X", ["top/__init__.py", "top/base.py"]),
        ("import top.base", ["top/__init__.py", "top/base.py"]),
        ("import helpers", ["top/models/helpers.py"]),
        ("from ... import other", []),
        ("import other", []),  # beside the package, and not in it
    ],
)
def test_a_study_in_a_package_imports_from_it_and_from_its_own_folder(tmp_path, source, found):
    names = ["other.py", "top/__init__.py", "top/base.py", "top/models/__init__.py", "top/models/helpers.py"]
    write(tmp_path, dict.fromkeys(names, ""))
    path = tmp_path / "top" / "models" / "s.py"
    assert imported_by(source, path) == found
    assert (OwnModules(path).package, OwnModules(path).root) == ("top.models", tmp_path)


def test_a_folder_without_an_init_file_is_a_namespace(tmp_path):
    write(tmp_path, {"space/one.py": "import space.inner.two", "space/inner/two.py": "", "space/README.md": ""})
    assert imported_by("from space import one", tmp_path / "s.py") == ["space/inner/two.py", "space/one.py"]
    assert imported_by("import space", tmp_path / "s.py") == []


@pytest.mark.parametrize("text", ["def (:", "\0", f"x = {'(' * 2_000}{')' * 2_000}"], ids=["words", "null", "nested"])
def test_a_module_that_cannot_be_parsed_is_found_and_not_followed(tmp_path, text):
    write(tmp_path, {"helpers.py": text, "one.py": "import helpers"})
    assert imported_by("import one", tmp_path / "s.py") == ["helpers.py", "one.py"]


def test_dlstudy_and_installed_packages_are_never_a_study_s_own(tmp_path):
    write(tmp_path, {
        "dlstudy/__init__.py": "", "dlstudy/study/study.py": "", ".venv/lib/site-packages/numpy/__init__.py": "",
        ".venv/lib/site-packages/helpers.py": "",
    })  # fmt: skip
    source = "import dlstudy, numpy, helpers, json, no_such_module\nfrom dlstudy.study.study import Study"
    assert imported_by(source, tmp_path / "s.py") == []


def test_a_name_too_long_for_a_file_is_no_module(tmp_path):
    assert imported_by(f"import {'a' * 300}", tmp_path / "s.py") == []


def load(folder: Path, imports: str, name: str = "s.py") -> loader.StudyFile:
    write(folder, {name: STUDY.format(imports=imports)})
    return loader.load(folder / name)


def test_a_study_imports_what_lies_beside_it(tmp_path):
    write(tmp_path, {"helpers.py": "from sizes import WIDTH\ndef build(p): return WIDTH", "sizes.py": "WIDTH = 64"})
    assert load(tmp_path, "from helpers import build").study.build({}) == 64


@pytest.mark.parametrize("imports", ["from .helpers import build", "from helpers import build", "from .. import build"])
def test_a_study_in_a_package_imports_from_it(tmp_path, imports):
    build = "def build(p): return 3"
    write(tmp_path, {"top/__init__.py": build, "top/models/__init__.py": "", "top/models/helpers.py": build})
    assert load(tmp_path / "top" / "models", imports).study.build({}) == 3


def test_two_studies_with_modules_of_the_same_name_each_have_their_own(tmp_path):
    for i, folder in enumerate(("one", "two")):
        write(
            tmp_path / folder, {"helpers.py": f"import space.deep\nWIDTH = {i}", "space/deep.py": f"WIDTH = {10 + i}"}
        )
    imports = "import helpers, space.deep\ndef build(p): return helpers.WIDTH, space.deep.WIDTH"
    one, two = load(tmp_path / "one", imports), load(tmp_path / "two", imports)
    assert (one.study.build({}), two.study.build({})) == ((0, 10), (1, 11))


def test_a_lazy_import_within_build_finds_each_study_s_own_module(tmp_path):
    for i, folder in enumerate(("one", "two")):
        write(tmp_path / folder, {"helpers.py": f"WIDTH = {i}"})
    one, two = load(tmp_path / "one", LAZY), load(tmp_path / "two", LAZY)
    for file, width in ((one, 0), (two, 1), (one, 0)):
        with file.modules.importable():
            assert file.study.build({}) == width
    with pytest.raises(ModuleNotFoundError, match="helpers"):
        one.study.build({})


def test_a_module_is_run_once_however_often_it_is_imported(tmp_path):
    file = load(write(tmp_path, {"helpers.py": "WIDTH = object()"}), f"import helpers\n{LAZY}")
    widths = []
    for _ in range(2):
        with file.modules.importable():
            widths.append(file.study.build({}))
    assert widths[0] is widths[1]


def test_importing_leaves_the_path_and_the_modules_as_they_were(tmp_path, monkeypatch):
    write(tmp_path, {"helpers.py": "import space.deep", "space/deep.py": "", "pkg/__init__.py": "from . import inner",
                     "pkg/inner.py": ""})  # fmt: skip
    stranger = type(sys)("helpers")
    stranger.__file__ = "/elsewhere/helpers.py"
    monkeypatch.setitem(sys.modules, "helpers", stranger)
    modules, path, known = OwnModules(tmp_path / "s.py"), [*sys.path], dict(sys.modules)
    for _ in range(2):
        with modules.importable():
            assert importlib.import_module("helpers") is not stranger
            importlib.import_module("pkg")
        assert (sys.path, sys.modules) == (path, known)
    write(tmp_path, {"broken.py": "import helpers\nraise RuntimeError('in the middle')"})
    with pytest.raises(RuntimeError, match="in the middle"), modules.importable():
        importlib.import_module("broken")
    assert (sys.path, sys.modules) == (path, known)


def test_a_module_that_was_edited_is_read_anew_by_the_next_load(tmp_path):
    imports = "from helpers import WIDTH\ndef build(p): return WIDTH"
    before = load(write(tmp_path, {"helpers.py": "WIDTH = 1"}), imports)
    after = load(write(tmp_path, {"helpers.py": "WIDTH = 1_000"}), imports)
    assert (before.study.build({}), after.study.build({})) == (1, 1_000)


def test_what_is_loaded_of_python_and_of_installed_packages_is_not_replaced(tmp_path):
    write(tmp_path, {"json.py": "", "numpy/__init__.py": "", "dlstudy.py": "", "__main__.py": ""})
    known = {name: sys.modules[name] for name in ("json", "numpy", "dlstudy", "__main__")}
    with OwnModules(tmp_path / "s.py").importable():
        assert {name: importlib.import_module(name) for name in known} == known


def test_a_study_that_changes_the_path_keeps_its_change(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = load(tmp_path, "import sys\nsys.path.append('/added')\nsys.path.pop(0)\ndef build(p): return sys.path[-1]")
    assert (file.study.build({}), str(tmp_path) in sys.path) == ("/added", False)
