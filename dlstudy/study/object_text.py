"""The source text of functions, classes and imports that exist in this process, where it is what they were made of."""

import ast
import dis
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["globals_used", "import_text", "names_at_once", "statements_of", "text_of"]

_NO_SOURCE = (OSError, TypeError, SyntaxError, ValueError)
"""What `inspect` and the parser raise of an object without source, or of a text that is not all of it."""


def text_of(value: FunctionType | type) -> str | None:
    """The text of a top-level function or class; None where there is none, or where its code is of another text.

    A function that is defined in another, encloses variables, is a lambda or was replaced by a decorator has none.
    """
    if value.__qualname__ != value.__name__ or getattr(value, "__closure__", None):
        return None
    try:
        text = _function_text(value) if isinstance(value, FunctionType) else _class_text(value)
        body = ast.parse(text).body
    except _NO_SOURCE:
        return None
    if len(body) != 1 or getattr(body[0], "name", None) != value.__name__ or _imports_relatively(body[0]):
        return None
    return text.strip("\n") if _is_of(value, text) and _has_defaults_of(value, body[0]) else None


def statements_of(module: ModuleType) -> list[ast.stmt]:
    """The top-level statements of a module: of its file, or of all cells of a notebook in the order they were run."""
    cells = vars(module).get("In") if "get_ipython" in vars(module) else None
    file = getattr(module, "__file__", None)
    texts = list(cells) if isinstance(cells, list) else ["".join(linecache.getlines(file))] if file else []
    found: list[ast.stmt] = []
    for text in texts:
        try:
            found += ast.parse(text).body
        except _NO_SOURCE:  # a cell that could not be run
            continue
    return found


def import_text(name: str, value: Any, statements: Sequence[ast.stmt]) -> str | None:  # Any: what the name stands for
    """A statement that binds a name to a value by an import: one of these statements, else one made up; or None."""
    for statement in reversed(statements):
        if isinstance(statement, ast.Import | ast.ImportFrom) and _binds(statement, name, value):
            return ast.unparse(statement)
    if isinstance(value, ModuleType):
        return _import_of_module(name, value)
    attribute, module = getattr(value, "__qualname__", ""), getattr(value, "__module__", None) or ""
    if not attribute.isidentifier() or module == "__main__":
        return None
    parts = module.split(".")
    for i in range(1, len(parts) + 1):  # the shortest: where a library shows it, not where it is defined
        if getattr(sys.modules.get(".".join(parts[:i])), attribute, None) is value:
            renamed = "" if attribute == name else f" as {name}"
            return f"from {'.'.join(parts[:i])} import {attribute}{renamed}"
    return None


def names_at_once(statement: ast.stmt) -> set[str]:
    """The names that a definition needs when it is run: in decorators, defaults, annotations, and a class's body."""
    return set(_at_once(statement))


def _function_text(function: FunctionType) -> str:
    return textwrap.dedent(inspect.getsource(function))


def _class_text(kind: type) -> str:
    """The text of a class; `inspect` finds none of a notebook's classes."""
    for item in vars(kind).values():
        if not isinstance(item, FunctionType):
            continue
        text, line = "".join(linecache.getlines(item.__code__.co_filename)), item.__code__.co_firstlineno
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or 0):
                return _lines(text, node)
    return textwrap.dedent(inspect.getsource(kind))


def _lines(text: str, node: ast.ClassDef) -> str:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def _is_of(value: FunctionType | type, text: str) -> bool:
    """Whether the code is of this text: a file may have changed since, and another function may have that name."""
    own = _codes_of_class(value) if isinstance(value, type) else {value.__name__: value.__code__}
    around = {line for code in own.values() for line in _imports_around(code)}
    compiled = compile("\n".join([*sorted(around), text]), "study", "exec", dont_inherit=True)
    made = _codes(compiled)
    if isinstance(value, type):
        made = _codes(made[value.__name__]) if value.__name__ in made else {}
    return all(name in made and _same_code(code, made[name]) for name, code in own.items())


def _codes_of_class(kind: type) -> dict[str, CodeType]:
    """The code of the methods that are written in a class."""
    codes = {name: item.__code__ for name, item in vars(kind).items() if isinstance(item, FunctionType)}
    return {name: code for name, code in codes.items() if code.co_qualname == f"{kind.__name__}.{name}"}


def _imports_around(code: CodeType) -> list[str]:
    """The imports at the top of the text that code is from: Python compiles uses of what they bind in another way."""
    body = ast.parse("".join(linecache.getlines(code.co_filename))).body
    return [ast.unparse(statement) for statement in body if isinstance(statement, ast.Import | ast.ImportFrom)]


def _codes(code: CodeType) -> dict[str, CodeType]:
    return {const.co_name: const for const in code.co_consts if isinstance(const, CodeType)}


def _same_code(one: CodeType, other: CodeType) -> bool:
    """Whether two pieces of code do the same; where they stand in a file does not matter."""
    names = ("co_code", "co_names", "co_varnames", "co_freevars", "co_argcount", "co_kwonlyargcount")
    if any(getattr(one, name) != getattr(other, name) for name in names) or len(one.co_consts) != len(other.co_consts):
        return False
    return all(
        _same_code(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else (type(a), a) == (type(b), b)
        for a, b in zip(one.co_consts, other.co_consts, strict=True)
    )


def _has_defaults_of(value: FunctionType | type, statement: ast.stmt) -> bool:
    """Whether the defaults of a function that are names still have those names' values."""
    if not isinstance(value, FunctionType) or not isinstance(statement, ast.FunctionDef):
        return True
    written = [*statement.args.defaults, *(node for node in statement.args.kw_defaults if node is not None)]
    held = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    return len(written) == len(held) and all(
        value.__globals__.get(node.id) is default
        for node, default in zip(written, held, strict=True)
        if isinstance(node, ast.Name)
    )


def _imports_relatively(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(statement))


def _binds(statement: ast.Import | ast.ImportFrom, name: str, value: Any) -> bool:  # Any: what the name stands for
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            bound, module = alias.asname or alias.name, sys.modules.get(statement.module or "")
            found = getattr(module, alias.name, None) if not statement.level else None
        else:
            bound = alias.asname or alias.name.partition(".")[0]
            found = sys.modules.get(alias.name if alias.asname else bound)
        if bound == name and found is value:
            return True
    return False


def _import_of_module(name: str, module: ModuleType) -> str | None:
    full = module.__name__
    if sys.modules.get(full) is not module or full == "__main__":
        return None
    parent, _, last = full.rpartition(".")
    if not parent:
        return f"import {full}" if full == name else f"import {full} as {name}"
    return f"from {parent} import {last}" if last == name else f"import {full} as {name}"


def _at_once(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    inner: Sequence[ast.AST | None] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = [*node.decorator_list, node.args, node.returns]
    elif isinstance(node, ast.Lambda):
        inner = [node.args]
    for child in inner:
        if child is not None:
            yield from _at_once(child)


def globals_used(function: FunctionType) -> Mapping[str, Any]:  # Any: whatever its module holds
    """The globals of its module that a function's code refers to, by name."""
    names = set[str]()
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        names |= {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]
    return {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}
