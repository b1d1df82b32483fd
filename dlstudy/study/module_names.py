"""The names that the statements of a module define and use, as Python itself sees them."""

import ast
import symtable

__all__ = ["bound_names", "used_names"]


def bound_names(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement defines: those it binds; if none, those it may change in place."""
    table = _table(statement)
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return bound or _used(table)


def used_names(statement: ast.stmt) -> set[str]:
    """The names of the module that a top-level statement refers to, wherever in it."""
    return _used(_table(statement))


def _table(statement: ast.stmt) -> symtable.SymbolTable:
    """Python's own view of which names are the module's, and which are local to a function or a comprehension."""
    return symtable.symtable(ast.unparse(statement), "study", "exec")


def _used(table: symtable.SymbolTable) -> set[str]:
    """The names of the module that a scope and those within it refer to."""
    top = table.get_type() == "module"
    names = {symbol.get_name() for symbol in table.get_symbols() if top or symbol.is_global()}
    return names.union(*(_used(child) for child in table.get_children()))
