"""The documentation: it has all that is public, its links and commands exist; in the full form it is built and run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import dlstudy
from dlstudy import toolkit
from dlstudy.cli.app import main
from docs._site.command_list import commands, options_of, section
from tests.helpers.full_form import in_full_form

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb"), *ROOT.glob("benchmarks/*.md")])
COMMANDS = commands()
NOTEBOOK = DOCS / "tutorials" / "first-study.ipynb"


def text_of(page):
    """The Markdown of a page, without what includes another file."""
    if page.suffix == ".ipynb":
        import nbformat

        cells = nbformat.read(page, as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return page.read_text(encoding="utf-8")


def without_code(text):
    return re.sub(r"^( *)(`{3,}).*?^ *\2", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors_of(page):
    """The anchors of its headings, as GitHub and MyST make them."""
    heads = re.findall(r"^#+ (.*)$", without_code(text_of(page)), flags=re.MULTILINE)
    plain = [re.sub(r"\[(.*?)\]\(.*?\)|[*`]", r"\1", head).strip().lower() for head in heads]
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in plain}


def documented():
    """The names that the reference of the Python API gives, each with its module."""
    found, module = set(), ""
    for directive, name in re.findall(r"\.\. (\w+):: (\S+)", (DOCS / "reference" / "api.md").read_text()):
        module = name if directive == "currentmodule" else module
        found.add(name if name.startswith("dlstudy.") else f"{module}.{name}")
    return found


def test_every_public_name_is_in_the_reference():
    wanted = {f"dlstudy.{name}" for name in dlstudy.__all__}
    wanted |= {f"dlstudy.toolkit.{name}" for name in toolkit.__all__}
    assert wanted - documented() == set()


def test_the_reference_has_the_options_of_each_command_that_its_help_shows(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, command in COMMANDS.items():
        assert main([*name.split(), "--help"]) == 0
        heads = [line.partition("<")[0] for line in capsys.readouterr().out.splitlines() if "<" in line]
        shown = {option for head in heads for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", head)}
        assert {*options_of(command), "--help", "-h"} == shown, name
        assert [option for option in options_of(command) if f"`{option}" not in section(name, command)] == []


def test_the_reference_has_every_command_of_the_help(capsys):
    assert main(["--help"]) == 0
    listed = set(re.findall(r"^│ ([a-z]+) ", capsys.readouterr().out, flags=re.MULTILINE))
    assert listed == {name.split()[0] for name in COMMANDS}


def missing_links(page):
    """The links of a page to files, or headings in them, that do not exist."""
    for target in re.findall(r"(?<!\\)\]\(([^)\s]+)\)", without_code(text_of(page))):
        path, _, anchor = target.partition("#")
        other = page.parent / path if path else page
        is_missing = not other.exists() or (anchor and other.suffix == ".md" and anchor not in anchors_of(other))
        if is_missing and not re.match("[a-z]+:", target):
            yield target


def test_links_between_files_lead_to_files_and_headings_that_exist():
    found = {str(page.relative_to(ROOT)): list(missing_links(page)) for page in PAGES}
    assert {page: links for page, links in found.items() if links} == {}


def shown_commands(page):
    """The calls of dlstudy in the code of a page: in its blocks, and within its lines."""
    text = re.sub(r"\\\n\s*", " ", text_of(page))
    blocks = "".join(re.findall(r"^(`{3}\S* ?(?:ipython3)?\n.*?)^`{3}", text, flags=re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^!?(?:\S*bin/)?(dlstudy [a-z].*)$", blocks, flags=re.MULTILINE)
    inline = re.findall(r"`(dlstudy [a-z][^`]*)`", without_code(text))
    return [re.split(r" [>#|&<(]|\s{2,}", line)[0] for line in [*lines, *inline]]


def unknown_parts(line):
    """The command, or the options, of a call that dlstudy does not have."""
    words = shlex.split(line.replace("'", ""))[1:]
    name = " ".join(words[:2]) if words[0] == "data" else words[0]
    known = [options_of(command) for form, command in COMMANDS.items() if f"{form} ".startswith(f"{name} ")]
    options = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
    return options - {"--help"}.union(*known) if known else {name}


def test_commands_on_the_pages_and_their_options_exist():
    shown = {line for page in PAGES for line in shown_commands(page)}
    assert len(shown) > 100
    assert {line: unknown for line in shown if (unknown := unknown_parts(line))} == {}


def test_python_on_a_page_of_the_site_is_run_by_its_build():
    for folder in ("tutorials", "how-to", "concepts"):
        for page in (DOCS / folder).glob("*.md"):
            assert not re.search(r"^```py", page.read_text(), flags=re.MULTILINE), f"{page}: make it a {{code-cell}}"


@pytest.fixture
def own_tree(monkeypatch):
    """Kernels import this tree."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.slow
@in_full_form
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of Jupyter's own packages
def test_the_notebook_runs_from_top_to_bottom(own_tree, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output.evalue for output in outputs if output.output_type == "error"] == []
    assert (tmp_path / "adam_or_sgd.html").exists()
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2, "a figure of the report, and its own"


@pytest.mark.slow
@in_full_form
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="make docs installs it")
    output = ["-d", str(tmp_path / "state"), str(DOCS), str(tmp_path / "site")]
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q", *output]
    built = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert built.returncode == 0, built.stderr[-4000:]
    assert "supported" in (tmp_path / "site" / "tutorials" / "reading-a-report.html").read_text()
