"""Floors, sizes and public names: what keeps the package easy to read."""

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import dlstudy

ROOT = Path(__file__).parents[1]
FLOORS = (
    "errors texts checks numbers protocol document study trial results statistics processes scratch",
    "databases datasets catalog devices locks splits variant home provenance",
    "budgets comparing costs definition design finished looking measures pairing search_checks summary training "
    "verdicts",
    "engines integrity journal storage record search events mlflow_pages mlflow_runs tracking report",
    "forecast plan runner session",
    "cli commands dashboard inputs notebook predicting running showing showing_data showing_plan views progress ui "
    "__main__",
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
PUBLIC = {"Arm", "Claim", "Computed", "Printed", "Protocol", "Split", "Study", "Sweep", "__version__", "load"}
MAX_FILE, MAX_FUNCTION = 400, 40

PACKAGE = sorted((ROOT / "dlstudy").rglob("*.py"))
PACKAGE = [path for path in PACKAGE if "bundled_studies" not in path.parts]
STUDIES = sorted((ROOT / "studies").glob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in [*PACKAGE, *STUDIES]}


def module_name(path):
    """`report.pages` for `dlstudy/report/pages.py`, `report` for its `__init__.py`, nothing for the package's own."""
    parts = path.relative_to(ROOT / "dlstudy").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in PACKAGE}
INNER = {name: path for name, path in MODULES.items() if name}  # all but the package's own file


def imports(path):
    """The modules of the package that a file imports, wherever in it, with the names that it takes from the root."""
    modules, from_root = set(), set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            package, _, module = (node.module or "").partition(".")
            if package != "dlstudy":
                continue
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                if inner in MODULES:  # a module, by its own name
                    modules.add(inner)
                elif module:
                    modules.add(module)
                else:
                    from_root.add(alias.name)
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".")[2] for alias in node.names if alias.name.split(".")[0] == "dlstudy"]
            modules |= {name for name in names if name}
            from_root |= {"*" for name in names if not name}
    return modules, from_root


def functions(path):
    return [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of(function):
    """Its lines, without decorators and docstring."""
    n = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return n
    text = function.body[0]
    return n - (text.end_lineno - text.lineno + 1)


def test_every_module_has_a_floor():
    assert {name.split(".")[0] for name in INNER} == set(FLOOR)


@pytest.mark.parametrize("name", INNER)
def test_a_module_imports_from_its_own_floor_and_below(name):
    own = FLOOR[name.split(".")[0]]
    above = {other for other in imports(INNER[name])[0] if FLOOR[other.split(".")[0]] > own}
    assert above == set(), f"{name} is on floor {own}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports(path)[0] - {name} for name, path in INNER.items()}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert order.index("errors") < order.index("study") < order.index("session") < order.index("cli")


def test_only_the_version_is_taken_from_the_package_root():
    taken = {name: found for name, path in INNER.items() if (found := imports(path)[1])}
    assert {name for names in taken.values() for name in names} == {"__version__"}, taken


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_imports_public_names_of_the_package_root_alone(path):
    modules, from_root = imports(path)
    assert {name.split(".")[0] for name in modules} <= {"scratch"}
    assert from_root <= PUBLIC


def test_a_file_has_fewer_lines_than_one_reads_at_once():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in TREES}
    assert {name: n for name, n in lengths.items() if n >= MAX_FILE} == {}


def test_a_function_fits_on_a_screen():
    lengths = {f"{path.relative_to(ROOT)}: {f.name}": lines_of(f) for path in TREES for f in functions(path)}
    assert {name: n for name, n in lengths.items() if n >= MAX_FUNCTION} == {}


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "dlstudy")
def test_a_module_says_what_it_is_and_what_is_public(name):
    tree = TREES[MODULES[name]]
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert ast.get_docstring(tree)
    holds_code = any(
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign) for node in tree.body
    )
    assert "__all__" in bound or not holds_code


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "dlstudy")
def test_what_a_module_calls_public_is_there_and_has_a_docstring(name):
    tree = TREES[MODULES[name]]
    public = next((ast.literal_eval(node.value) for node in tree.body if is_all(node)), [])
    assert public == sorted(set(public), key=sort_key), "in ruff's order, each once"
    made = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if name != "__main__":  # which runs when imported
        module = importlib.import_module(f"dlstudy.{name}".rstrip("."))
        assert [word for word in public if not hasattr(module, word)] == []
    assert [word for word in public if word in made and ast.get_docstring(made[word]) is None] == []


def test_a_name_is_listed_as_public_or_begins_with_an_underscore():
    unlisted = {}
    for name, path in INNER.items():
        public = next((ast.literal_eval(node.value) for node in TREES[path].body if is_all(node)), [])
        made = {node.name for node in TREES[path].body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if name != "cli" and (hidden := {word for word in made - set(public) if not word.startswith("_")}):
            unlisted[name] = hidden  # cli's commands are typer's
    assert unlisted == {}


def is_all(node):
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__"


def sort_key(word):
    """CONSTANTS, then Classes, then the rest."""
    return (0 if word.isupper() else 1 if word[0].isupper() else 2), word


def test_the_package_root_has_the_names_that_a_study_file_needs():
    assert set(dlstudy.__all__) == PUBLIC
    assert dlstudy.load.__module__ == "dlstudy.notebook"
    for name in PUBLIC - {"__version__", "load"}:
        assert getattr(dlstudy, name).__module__ in ("dlstudy.study", "dlstudy.protocol", "dlstudy.document")
    with pytest.raises(AttributeError, match="module 'dlstudy' has no attribute 'Sutdy'"):
        _ = dlstudy.Sutdy


def loaded_after(code):
    """Which of the slow packages these statements load."""
    code += "\nimport sys\nprint(*[name for name in sys.argv[1:] if name in sys.modules])"
    slow = ("tensorflow", "keras", "mlflow", "sklearn", "matplotlib", "pandas", "scipy.stats")
    answer = subprocess.run([sys.executable, "-c", code, *slow], capture_output=True, text=True, check=True, cwd=ROOT)
    return answer.stdout.split()


def test_the_command_line_and_the_studies_load_nothing_slow():
    code = "import dlstudy, dlstudy.cli\nfrom dlstudy import catalog\n"
    assert loaded_after(code + "assert [catalog.load(path) for path in catalog.paths().values()]") == []


def test_no_module_of_the_parent_loads_keras_or_mlflow():
    inner = [name for name in INNER if name != "__main__"]
    loaded = loaded_after("".join(f"import dlstudy.{name}\n" for name in inner))
    assert set(loaded) & {"tensorflow", "keras", "mlflow"} == set()
