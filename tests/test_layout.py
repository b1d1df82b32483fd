"""The order of the packages, the size of files and functions, and public names: what keeps the package easy to read."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import dlstudy
from scripts import layout

ROOT = Path(__file__).parents[1]
PUBLIC = {
    "Arm", "Claim", "Constraint", "Data", "Derived", "Objective", "Protocol", "Reported", "Split", "Study", "Sweep",
    "__version__",
}  # fmt: skip
CALLS = {"check", "load", "plan", "run"}
MAX_FILE, MAX_FUNCTION = 400, 40

MODULES = layout.modules()
STUDIES = sorted((ROOT / "studies").glob("*.py"))
FILES = [*MODULES.values(), *STUDIES]


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def definitions(path):
    return {node.name: node for node in tree_of(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def public_names(path):
    """What `__all__` lists; None where there is no such list."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return ast.literal_eval(node.value)
    return None


def lines_of(function):
    """Its lines, without decorators and docstring."""
    n = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return n
    text = function.body[0]
    return n - (text.end_lineno - text.lineno + 1)


def test_a_package_imports_only_from_packages_below_it():
    imported = layout.package_imports()
    assert set(imported) == set(layout.ORDER)
    for place, name in enumerate(layout.ORDER):
        assert imported[name] <= set(layout.ORDER[:place]), name


def test_no_modules_import_each_other_in_a_circle():
    layout.layers(layout.module_imports())  # raises CycleError, which names the circle


def test_a_module_takes_names_from_the_file_that_owns_them_and_not_from_the_package_root():
    assert [name for name, imported in layout.module_imports().items() if "" in imported] == []
    relative = [path for path in FILES for node in ast.walk(tree_of(path)) if getattr(node, "level", 0)]
    assert relative == []


def test_the_table_in_the_documents_is_made_from_the_order():
    text = layout.DOCUMENT.read_text(encoding="utf-8")
    assert layout.with_table(text) == text, "stale: run `python scripts/layout.py --write`"


def test_a_study_imports_the_package_root_and_what_is_there_for_studies():
    for path in STUDIES:
        imported = set(layout.imports_of(path, MODULES))
        assert {name.partition(".")[0] for name in imported} <= {"", "scratch", "toolkit"}, path.stem
        taken = {
            alias.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and node.module == "dlstudy"
            for alias in node.names
        }
        assert taken <= PUBLIC, path.stem


def test_a_file_has_fewer_lines_than_one_reads_at_once():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n >= MAX_FILE} == {}


def test_a_function_fits_on_a_screen():
    lengths = {f"{path.relative_to(ROOT)}: {f.name}": lines_of(f) for path in FILES for f in functions(path)}
    assert {name: n for name, n in lengths.items() if n >= MAX_FUNCTION} == {}


def test_a_module_says_what_it_is_and_what_is_public():
    for name, path in MODULES.items():
        assert ast.get_docstring(tree_of(path)), name
        holds_code = any(
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign) for node in tree_of(path).body
        )
        assert public_names(path) is not None or not holds_code, name


def test_what_a_module_calls_public_is_there_and_has_a_docstring():
    for name, path in MODULES.items():
        public, made = public_names(path) or [], definitions(path)
        assert public == sorted(set(public), key=sort_key), f"{name}: in ruff's order, each once"
        if not name.endswith("__main__"):  # which runs when imported
            module = importlib.import_module(f"dlstudy.{name}")
            assert [word for word in public if not hasattr(module, word)] == [], name
        assert [word for word in public if word in made and ast.get_docstring(made[word]) is None] == [], name


def test_a_name_is_listed_as_public_or_begins_with_an_underscore():
    unlisted = {
        name: hidden
        for name, path in MODULES.items()
        if name not in ("cli.app", "cli.data_commands")  # whose commands are typer's
        and (hidden := {w for w in definitions(path) if not w.startswith("_")} - set(public_names(path) or []))
    }
    assert unlisted == {}


def sort_key(word):
    """CONSTANTS, then Classes, then the rest."""
    return (0 if word.isupper() else 1 if word[0].isupper() else 2), word


def test_a_private_name_of_a_module_is_used_in_it_alone():
    taken = [
        f"{name}: {alias.name}"
        for name, path in MODULES.items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlstudy")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert taken == []


def test_the_package_root_has_the_names_that_a_study_file_needs():
    assert set(dlstudy.__all__) == PUBLIC | CALLS
    assert dlstudy.load.__module__ == "dlstudy.report.notebook"
    for name in CALLS - {"load"}:
        assert getattr(dlstudy, name).__module__ == "dlstudy.api.calls"
    for name in PUBLIC - {"__version__"}:
        assert getattr(dlstudy, name).__module__.startswith(("dlstudy.study.", "dlstudy.datasets.data"))
    with pytest.raises(AttributeError, match="module 'dlstudy' has no attribute 'Sutdy'"):
        _ = dlstudy.Sutdy


def loaded_after(code):
    """Which of the slow packages these statements load."""
    code += "\nimport sys\nprint(*[name for name in sys.argv[1:] if name in sys.modules])"
    slow = ("tensorflow", "keras", "mlflow", "sklearn", "matplotlib", "pandas", "scipy.stats")
    answer = subprocess.run([sys.executable, "-c", code, *slow], capture_output=True, text=True, check=True, cwd=ROOT)
    return answer.stdout.split()


def test_the_command_line_and_the_studies_load_nothing_slow():
    code = "import dlstudy, dlstudy.cli.app\nfrom dlstudy.study import loader\n"
    assert loaded_after(code + "assert [loader.load(path) for path in loader.paths().values()]") == []


def test_no_module_of_the_parent_loads_keras_or_mlflow():
    inner = [name for name in MODULES if not name.endswith("__main__")]
    loaded = loaded_after("".join(f"import dlstudy.{name}\n" for name in inner))
    assert set(loaded) & {"tensorflow", "keras", "mlflow"} == set()
