"""What this thread does at the moment that must not start a run: loading a study file, or a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["now_inside", "running_inside", "stay_inside"]

_INSIDE: ContextVar[str] = ContextVar("dlstudy_inside", default="")


@contextmanager
def running_inside(what: str) -> Iterator[None]:
    """Marks what this thread does while active, such as `the loading of churn.py`."""
    token = _INSIDE.set(what)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def stay_inside(what: str) -> None:
    """Marks what this thread does until it ends."""
    _INSIDE.set(what)


def now_inside() -> str:
    """What this thread is inside of; empty for nothing."""
    return _INSIDE.get()
