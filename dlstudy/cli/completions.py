"""What a shell may complete: names of studies and data sets, and words that an option knows.

`dlstudy --install-completion` teaches it to the shell.
"""

from collections.abc import Callable
from pathlib import Path

from dlstudy.errors import DlstudyError

__all__ = ["complete_dataset", "complete_study", "one_of"]


def complete_study(incomplete: str) -> list[str]:
    """The studies whose names begin so, those of the usual results folder too; and files that may be studies."""
    from dlstudy.store.home import Home
    from dlstudy.study import loader

    try:
        known = loader.paths(Home.at().studies)
    except DlstudyError:  # there is nothing to say beside a half-typed line
        known = loader.paths()
    return [*(name for name in sorted(known) if name.startswith(incomplete)), *_python_files(incomplete)]


def _python_files(incomplete: str) -> list[str]:
    """Python files, and folders, whose path begins so."""
    folder, _, start = incomplete.rpartition("/")
    try:
        there = sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).iterdir())
    except OSError:
        return []
    found = [path for path in there if path.name.startswith(start) and (start or not path.name.startswith("."))]
    before = incomplete.removesuffix(start)
    files = [f"{before}{path.name}" for path in found if path.suffix == ".py" and path.is_file()]
    return files + [f"{before}{path.name}/" for path in found if path.is_dir()]


def complete_dataset(incomplete: str) -> list[str]:
    """The built-in data sets whose names begin so."""
    from dlstudy.datasets import registry

    return [name for name in registry.names() if name.startswith(incomplete)]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """A function that completes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete
