"""Packs a study that was made in Python, such as in a notebook, into an `Archive` for other processes.

The source text of its functions, and of all that these use of the user's own, is gathered into one text, which is a
study file. What has no text (a lambda, a closure, a table in memory) is kept in a pickle, and counted by a digest.
"""

import __future__

import ast
import io
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from dlstudy.common.text import describe_error, short_repr
from dlstudy.errors import StudyError
from dlstudy.study.archive import INCOMPLETE, Archive
from dlstudy.study.module_names import used_names
from dlstudy.study.object_digest import object_digest
from dlstudy.study.object_text import globals_used, import_text, names_at_once, statements_of, text_of
from dlstudy.study.own_modules import is_installed
from dlstudy.study.study import Study
from dlstudy.study.validation import require_name
from dlstudy.study.value_text import NoTextError, Writer

__all__ = ["pack"]

_STUDY = "STUDY"


def pack(study: Study, name: str) -> Archive:
    """A study as a file that other processes can load.

    Args:
        study: made in this process.
        name: its name in the record.

    Raises:
        StudyError: a part of it can neither be written as text nor be pickled; says why.
    """
    require_name("the name of a study", name)
    home = _home_module(study)
    text = _Text(frozenset({"__main__", home.__name__}))
    source = text.of_study(study)
    folder = str(_folder_of(home))
    if not text.left_out:
        return Archive(name, folder, source, question=study.question, dataset=study.dataset)
    counted = {part: value for part, value in text.left_out.items() if _counts(part, study)}
    digests = {part: object_digest(value, text.own) for part, value in counted.items()}
    used = sorted(text.used - set(text.left_out))
    pickled = _pickled(study, text.own)
    return Archive(name, folder, source, digests, used, pickled, question=study.question, dataset=study.dataset)


@dataclass
class _Text:
    """The parts of a module's text, each under the name that it binds, in the order in which they are needed.

    Args:
        own: names of the modules whose functions and classes are written; those of others are imported.
        imports, parts: the statement that binds each name.
        values: what each name stands for.
        left_out: what has no text, by its name.
        used: names that this uses.
    """

    own: frozenset[str]
    imports: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)  # Any: whatever a module holds
    left_out: dict[str, Any] = field(default_factory=dict)  # Any: what has no text
    used: set[str] = field(default_factory=set)

    def of_study(self, study: Study) -> str:
        """The whole text, which binds `STUDY`; complete if nothing was left out."""
        statement = f"{_STUDY} = {self._of_fields(study)}\n"
        modern = any(_postpones_annotations(value) for name, value in self.values.items() if name in self.parts)
        head = ["from __future__ import annotations"] if modern else []
        imports = sorted(_merged(set(self.imports.values())), key=lambda line: (line.startswith("from"), line))
        blocks = ["\n".join([*head, *imports]), *self._ordered(), statement]
        if self.left_out:
            blocks.insert(0, f"{INCOMPLETE}{', '.join(sorted(self.left_out))}.")
        return "\n\n\n".join(block for block in blocks if block)

    def _of_fields(self, study: Study) -> str:
        """`Study(...)`; a field that cannot be written is left out, and named."""
        try:
            return Writer(self._name_of).write(study)
        except NoTextError:
            pass
        lines = []
        for name, value in vars(study).items():
            try:
                lines.append(f"    {name}={Writer(self._name_of).write(value, 4)},\n")
            except NoTextError:
                self._leave_out(name, value)
        return f"{self._name_of(Study)}(\n{''.join(lines)})"

    def _name_of(self, value: Any) -> str:  # Any: a class or a function
        """The name of a class or function, which the text then binds."""
        name = getattr(value, "__name__", "")
        is_plain = name.isidentifier() and isinstance(value, FunctionType | type)
        if not is_plain or not self._add(name, value):
            raise NoTextError(short_repr(value))
        return str(name)

    def _add(self, name: str, value: Any) -> bool:  # Any: what the name stands for
        """Writes what binds a name to a value, with all that this uses; returns whether that is possible."""
        if name in self.values:
            if self.values[name] is not value:  # the same name in two modules
                self.left_out[f"another {name}"] = value
                return False
            return name not in self.left_out
        self.values[name] = value
        is_code = isinstance(value, FunctionType | type)
        if is_code and value.__module__ in self.own:
            return self._add_code(name, value)
        if statement := import_text(name, value, self._statements):
            self.imports[name] = statement
            return True
        try:
            self.parts[name] = f"{name} = {Writer(self._name_of).write(value)}"
        except NoTextError:
            self._leave_out(name, value)
        return name in self.parts

    def _add_code(self, name: str, value: FunctionType | type) -> bool:
        if value.__name__ != name and value.__qualname__ == value.__name__:
            if self._add(value.__name__, value):
                self.parts[name] = f"{name} = {value.__name__}"
        elif (text := text_of(value)) is not None:
            known = _globals_of(value)
            for used in sorted(used_names(ast.parse(text).body[0]) - {name}):
                if used in known:
                    self._add(used, known[used])
            self.parts[name] = text
        if name not in self.parts:
            self._leave_out(name, value)
        return name in self.parts

    def _leave_out(self, name: str, value: Any) -> None:  # Any: what the name stands for
        """Keeps what has no text, and writes what its code uses."""
        self.left_out[name] = value
        waiting, seen = [value], set[int]()
        while waiting:
            item = waiting.pop()
            if not isinstance(item, FunctionType) or item.__module__ not in self.own or id(item) in seen:
                continue
            seen.add(id(item))
            for used, held in globals_used(item).items():
                self._add(used, held)
                self.used |= {used} if name != "figures" else set()
            waiting += [cell.cell_contents for cell in item.__closure__ or () if not _is_empty(cell)]

    @cached_property
    def _statements(self) -> list[ast.stmt]:
        modules = [sys.modules[name] for name in sorted(self.own) if name in sys.modules]
        return [statement for module in modules for statement in statements_of(module)]

    def _ordered(self) -> list[str]:
        """The parts, each after those that it needs when it is run."""
        ordered: list[str] = []
        seen = set[str]()

        def put(name: str) -> None:
            if name in seen or name not in self.parts:
                return
            seen.add(name)
            for needed in sorted(names_at_once(ast.parse(self.parts[name]).body[0])):
                put(needed)
            ordered.append(self.parts[name])

        for name in self.parts:
            put(name)
        return ordered


def _merged(imports: set[str]) -> set[str]:
    """Import statements with one for all names of dlstudy that none of the user's own imports."""
    begin = "from dlstudy import "
    single = {line.removeprefix(begin) for line in imports if line.startswith(begin) and line.count(" ") == 3}
    return {line for line in imports if line.removeprefix(begin) not in single} | (
        {begin + ", ".join(sorted(single))} if single else set()
    )


def _home_module(study: Study) -> ModuleType:
    """The module that defines the study's functions, if it is the user's own; else the main one."""
    module = sys.modules.get(getattr(study.build, "__module__", None) or "__main__")
    is_own = module is not None and getattr(module, "__file__", None) and not is_installed(module)
    return module if module is not None and is_own else sys.modules["__main__"]


def _folder_of(module: ModuleType) -> Path:
    """The folder whose modules a study imports by name: that of its file; of a notebook, the current one."""
    file = getattr(module, "__file__", None)
    return Path.cwd() if file is None or is_installed(module) else Path(file).resolve().parent


def _counts(part: str, study: Study) -> bool:
    """Whether a part that was left out counts in the definition: not what draws figures, and not rows."""
    return part != "figures" and (part != "data" or callable(study.data))


def _globals_of(value: FunctionType | type) -> dict[str, Any]:  # Any: whatever the module holds
    return value.__globals__ if isinstance(value, FunctionType) else vars(sys.modules[value.__module__])


def _postpones_annotations(value: Any) -> bool:  # Any: what a name stands for
    return isinstance(value, FunctionType) and bool(value.__code__.co_flags & __future__.annotations.compiler_flag)


def _is_empty(cell: Any) -> bool:  # Any: a cell has no public type
    try:
        return cell.cell_contents is None
    except ValueError:
        return True


def _pickled(study: Study, own: frozenset[str]) -> bytes:
    """The study by cloudpickle, with the functions of these modules by value.

    Raises:
        StudyError: it refers to something that exists in this process alone.
    """
    import cloudpickle

    modules = [sys.modules[name] for name in own - {"__main__"} if name in sys.modules]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    buffer = io.BytesIO()
    try:
        cloudpickle.dump(study, buffer)
    except Exception as error:  # whatever the objects that the study refers to raise
        raise StudyError(
            f"the study cannot be sent to other processes ({describe_error(error)}): a function refers to something "
            "that exists in this process alone; make it within the function"
        ) from error
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return buffer.getvalue()
