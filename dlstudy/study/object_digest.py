"""A digest of what has no source text: lambdas, closures, and values that were computed.

It is the same in every process of one Python version: no address, no line number and no order of a set is in it.
"""

import functools
import hashlib
import pickle
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

__all__ = ["object_digest"]


def object_digest(value: Any, own: Collection[str] = ("__main__",)) -> str:  # Any: whatever a function may refer to
    """12 hexadecimal digits of what a value is; of a function, its code, its defaults and what it encloses.

    Globals that a function refers to are not in it: they are counted by their own name.

    Args:
        value: to digest.
        own: names of the modules whose functions and classes count by their code; all others count by their name.
    """
    digest = hashlib.sha256()
    for part in _Digested(own).parts(value, frozenset()):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:12]


_SCALARS = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class _Digested:
    own: Collection[str]

    def parts(self, value: Any, above: frozenset[int]) -> Iterator[bytes]:  # Any: as object_digest
        """A value as a series of bytes; `above` has the identities of what it is inside of."""
        yield type(value).__name__.encode()
        if id(value) in above:  # a circle
            return
        above |= {id(value)}
        if isinstance(value, FunctionType) and not self._is_imported(value):
            cells = [_content(cell) for cell in value.__closure__ or ()]
            yield from self._of([value.__code__, value.__defaults__, value.__kwdefaults__, cells], above)
        elif isinstance(value, CodeType):  # without its positions and its file
            names = [value.co_names, value.co_varnames, value.co_freevars]
            yield from self._of([value.co_code, names, list(value.co_consts)], above)
        elif isinstance(value, MethodType):
            yield from self._of([value.__func__, value.__self__], above)
        elif isinstance(value, functools.partial):
            yield from self._of([value.func, value.args, value.keywords], above)
        elif isinstance(value, type) and not self._is_imported(value):
            yield value.__qualname__.encode()
            yield from self._of({name: code for name, item in vars(value).items() if (code := _code_in(item))}, above)
        elif isinstance(value, ModuleType | BuiltinFunctionType | FunctionType | type):
            yield f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', value.__name__)}".encode()
        else:
            yield from self._of_value(value, above)

    def _of_value(self, value: Any, above: frozenset[int]) -> Iterator[bytes]:  # Any: as object_digest
        if isinstance(value, _SCALARS) or (
            isinstance(value, list | tuple) and all(type(item) in _SCALARS for item in value)
        ):
            yield repr(value).encode("utf-8", "surrogatepass")
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            yield f"{value.dtype.str} {value.shape}".encode()
            yield np.ascontiguousarray(value).tobytes()
        elif isinstance(value, set | frozenset):
            yield from sorted(b" ".join(self.parts(item, above)) for item in value)
        elif isinstance(value, Mapping | list | tuple):
            yield from self._of(value, above)
        elif hasattr(value, "__dict__") and not hasattr(value, "__array__"):
            yield from self._of(dict(sorted(vars(value).items())), above)
        else:
            yield _pickled(value)

    def _of(self, items: Any, above: frozenset[int]) -> Iterator[bytes]:  # Any: a mapping or a sequence
        for name, item in items.items() if isinstance(items, Mapping) else enumerate(items):
            yield str(name).encode("utf-8", "surrogatepass")
            yield from self.parts(item, above)

    def _is_imported(self, value: Any) -> bool:  # Any: a class or a function
        module = sys.modules.get(value.__module__ or "")
        return value.__module__ not in self.own and getattr(module, value.__qualname__, None) is value


def _code_in(item: Any) -> FunctionType | None:  # Any: what a class holds
    """The function of a method or a property; None for anything else."""
    inner = getattr(item, "__func__", None) or getattr(item, "fget", None) or item
    return inner if isinstance(inner, FunctionType) else None


def _content(cell: Any) -> Any:  # Any: a cell has no public type
    try:
        return cell.cell_contents
    except ValueError:  # it is filled in later
        return None


def _pickled(value: Any) -> bytes:  # Any: as object_digest
    try:
        return pickle.dumps(value, protocol=5)
    except Exception:  # whatever its class raises; its type counts
        return b""
