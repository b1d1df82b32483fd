"""Count the packages, layers and arrows of `dlstudy/` from its imports, and write the table of `docs/architecture.md`.

    python scripts/layout.py            # print the counts and the table
    python scripts/layout.py --write    # put the table into docs/architecture.md

`ORDER` is the one place that says which package may import which: each only from those before it.
"""

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- packages: scripts/layout.py -->", "<!-- end of packages -->"

ORDER = (
    "errors", "common", "toolkit", "scratch", "datasets", "study", "training", "engines", "store", "analysis", "report",
    "tracking", "runner", "api", "cli",
)  # fmt: skip
"""The packages of `dlstudy/`, and its module `errors`, from the bottom up."""


def modules() -> dict[str, Path]:
    """Every module below `dlstudy/`, by its dotted name without `dlstudy`; packages by their own name."""
    found = {}
    for path in sorted((ROOT / "dlstudy").rglob("*.py")):
        parts = path.relative_to(ROOT / "dlstudy").with_suffix("").parts
        if parts[0] != "bundled_studies" and parts not in (("__init__",), ("__main__",)):
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of dlstudy that a file imports, wherever in it; `""` stands for the package root."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dlstudy":
            module = (node.module or "").partition(".")[2]
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                yield inner if inner in known else module
        elif isinstance(node, ast.Import):
            yield from (name.partition(".")[2] for name in (a.name for a in node.names) if name.startswith("dlstudy"))


def package_of(module: str) -> str:
    """The package that a module is in."""
    return module.partition(".")[0]


def module_imports() -> dict[str, set[str]]:
    """What each module imports of the others."""
    known = modules()
    return {name: set(imports_of(path, known)) - {name} for name, path in known.items()}


def package_imports() -> dict[str, set[str]]:
    """What each package imports of the others."""
    found: dict[str, set[str]] = {name: set() for name in ORDER}
    for module, imported in module_imports().items():
        found.setdefault(package_of(module), set()).update(package_of(name) for name in imported if name)
    return {name: others - {name} for name, others in found.items()}


def layers(graph: dict[str, set[str]]) -> list[set[str]]:
    """What imports nothing, what imports only that, and so on.

    Raises:
        graphlib.CycleError: there is a circle.
    """
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = set(sorter.get_ready())
        sorter.done(*ready)
        found.append(ready)
    return found


def table() -> str:
    """The packages from the top down: what each is for, and which it imports."""
    known, imported = modules(), package_imports()
    lines = ["| package | what it is for | imports |", "| --- | --- | --- |"]
    for name in reversed(ORDER):
        purpose = (ast.get_docstring(ast.parse(known[name].read_text(encoding="utf-8"))) or "").split("\n")[0]
        below = ", ".join(f"`{other}`" for other in ORDER if other in imported[name] and other != "errors")
        lines.append(f"| `{name}` | {purpose} | {below or '–'} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """A document with the table between its two marks made anew."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Print what was counted; with --write, renew the document."""
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    inner, outer = module_imports(), package_imports()
    arrows = sum(map(len, outer.values()))
    print(
        f"{len(inner)} modules on {len(layers(inner))} layers; {len(outer)} packages on {len(layers(outer))} layers, "
    )
    print(f"{arrows} arrows between packages, {sum(map(len, inner.values()))} between modules")
    print(table())


if __name__ == "__main__":
    main()
