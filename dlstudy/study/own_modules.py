"""A study's own modules: those beside its file, or in the package that it is part of.

They can be imported while the study is loaded and while its functions run, they count in its fingerprint, and they
travel with it to a cluster. All three follow imports to the end, by the rules below.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

__all__ = ["UNREADABLE", "OwnModules", "is_installed"]

UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError)
"""What Python's parser raises of a file that it cannot read."""

_INSTALLED = {"site-packages", "dist-packages"}

_NEVER = "dlstudy"
"""Its version is recorded: it is not a study's own module, even if it is beside the study."""


class OwnModules:
    """Finds, follows and imports the modules of one study.

    A study file imports by name what is in its own folder, as a Python script does. Where that folder is a
    package, and so are folders above it, the file is a module of the outermost of them: it may import from that
    package, by relative imports too.
    """

    def __init__(self, path: Path) -> None:
        """Determines the package of the file; reads nothing.

        Args:
            path: of the study file, absolute.
        """
        self.path = path
        self._folder = path.parent
        self.root = self._folder
        while (self.root / "__init__.py").is_file() and self.root != self.root.parent:
            self.root = self.root.parent
        self._loaded: dict[str, ModuleType] = {}

    @property
    def package(self) -> str:
        """The dotted name of the package that the study file is in; empty for none."""
        return ".".join(self._folder.relative_to(self.root).parts)

    def files(self, nodes: Iterable[ast.AST]) -> dict[str, Path]:
        """The files of all own modules that parts of the study file import, directly or not.

        Args:
            nodes: statements of the study file.

        Returns:
            Absolute paths by the path from `root`, with `/` between its parts. A module that cannot be parsed is among
            them; what it imports is not.
        """
        found: dict[str, Path] = {}
        waiting = list(self._imported(nodes, self.path))
        while waiting:
            path = waiting.pop()
            name = path.relative_to(self.root).as_posix()
            if name in found or path == self.path:
                continue
            found[name] = path
            try:
                waiting += self._imported([ast.parse(path.read_bytes())], path)
            except UNREADABLE:  # importing it will raise the error
                continue
        return dict(sorted(found.items()))

    @contextmanager
    def importable(self) -> Iterator[None]:
        """While active, `import` finds the study's own modules, and no other study's of the same names.

        For one thread at a time. Own modules that were imported are kept here for the next time, and leave no trace in
        `sys.modules`. Loaded modules of Python and of installed packages take precedence over own modules of that name.
        """
        paths = [str(folder) for folder in dict.fromkeys((self._folder, self.root))]
        sys.path[:0] = paths
        aside = {name: module for name, module in self._candidates() if self._is_in_the_way(name, module)}
        for name in aside:
            del sys.modules[name]
        sys.modules.update(self._loaded)
        try:
            yield
        finally:
            self._loaded = {name: module for name, module in self._candidates() if self._is_own(name, module)}
            for name in self._loaded:
                del sys.modules[name]
            sys.modules.update(aside)
            for path in paths:
                with suppress(ValueError):  # the study may have changed the list
                    sys.path.remove(path)

    def _candidates(self) -> list[tuple[str, ModuleType]]:
        """The loaded modules whose name could be that of an own one."""
        tops = {self.package.partition(".")[0]}
        with suppress(OSError):  # from a folder that cannot be listed, nothing can be imported
            tops |= {entry.name.partition(".")[0] for entry in self._folder.iterdir()}
        tops = {top for top in tops - {"__main__"} if top in sys.modules or self.package}
        if not tops:  # the usual case, before and after each trial
            return []
        loaded = sys.modules.copy().items()  # other threads may import
        return [(name, module) for name, module in loaded if name.partition(".")[0] in tops]

    def _is_own(self, name: str, module: ModuleType) -> bool:
        """Whether a loaded module was loaded from where `_find` finds one of its name, or is a folder there."""
        file = getattr(module, "__file__", None)
        if file is not None:
            return any(path == Path(file) for path in self._find(name)[-1:])
        folders = [base.joinpath(*name.split(".")) for base in (self._folder, self.root)]
        return any(Path(folder) in folders for folder in getattr(module, "__path__", ()))

    def _is_in_the_way(self, name: str, module: ModuleType) -> bool:
        """Whether a loaded module would be taken for an own one: an earlier state of it, or another of its name."""
        if self._is_own(name, module):
            return True
        file = getattr(module, "__file__", None)
        if file is None or name.partition(".")[0] in sys.stdlib_module_names or _INSTALLED & {*Path(file).parts}:
            return False
        return bool(self._find(name))

    def _imported(self, nodes: Iterable[ast.AST], importer: Path) -> Iterator[Path]:
        """The files that are run when these parts of a file are: what they import, and the packages around that."""
        for node in (inner for statement in nodes for inner in ast.walk(statement)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._find(alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node, importer)
                for alias in node.names if module else ():
                    found = self._find(f"{module}.{alias.name}")
                    yield from found
                    if alias.name == "*" and found and found[-1].name == "__init__.py":
                        yield from sorted(found[-1].parent.glob("*.py"))  # any of which its `__all__` may name

    def _absolute(self, node: ast.ImportFrom, importer: Path) -> str:
        """The full name of the module that a `from` names; empty for a relative one outside of a package."""
        if not node.level:
            return node.module or ""
        package = importer.parent.relative_to(self.root).parts
        if len(package) < node.level:
            return ""
        return ".".join([*package[: len(package) + 1 - node.level], *filter(None, [node.module])])

    def _find(self, name: str) -> list[Path]:
        """The files that importing a dotted name runs, outermost package first; what is no module is left out."""
        top, *_ = parts = name.split(".")
        for base in (self._folder, self.root):
            if top == _NEVER or (base == self.root != self._folder and top != self.package.partition(".")[0]):
                continue
            with suppress(OSError):  # a name longer than a file may have
                if found := _files_on_the_way(base, parts):
                    return found
        return []


def is_installed(module: ModuleType) -> bool:
    """Whether a module was loaded from Python's own library, or from an installed package."""
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    return bool(_INSTALLED & {*Path(file).parts}) or Path(file).is_relative_to(sysconfig.get_path("stdlib"))


def _files_on_the_way(base: Path, parts: Iterable[str]) -> list[Path]:
    """The files that an import of these names in a folder runs."""
    found, folder = list[Path](), base
    for part in parts:
        if (folder / part / "__init__.py").is_file():
            found.append(folder / part / "__init__.py")
        elif (folder / f"{part}.py").is_file():
            return [*found, folder / f"{part}.py"]
        elif not (folder / part).is_dir():
            break
        folder /= part
    return found
