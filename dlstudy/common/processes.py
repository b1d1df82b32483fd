"""Processes that import TensorFlow on behalf of the parent, which never does: how they start, and how a run stops."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context, spawn
from typing import Any, TypeVar

from dlstudy.common.nesting import stay_inside
from dlstudy.errors import DlstudyError

__all__ = ["QUIET", "ask", "ask_in_time", "end_asked", "main_module_left_out", "stopping_signals"]

T = TypeVar("T")

QUIET = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_PRINT_MODEL_URLS_ON_CREATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Set before Keras, TensorFlow or MLflow is imported, to choose the backend and to silence logs and telemetry."""


_MAIN = ("init_main_from_name", "init_main_from_path")
"""What tells a process that is started by spawn which main module to run."""

_STARTING = threading.Lock()
_LEADERS: set[int] = set()
"""The processes that `ask_in_time` waits for, each the leader of a group."""


@contextmanager
def main_module_left_out() -> Iterator[None]:
    """While active, processes that this thread starts by spawn do not run the main module of this process again.

    Python runs it there because a function to call may be defined in it; ours are defined in dlstudy. A script that
    starts a run would otherwise start another one in every worker, unless it has `if __name__ == "__main__"`.
    """
    thread = threading.get_ident()
    with _STARTING:
        original = spawn.get_preparation_data

        def prepare(name: str) -> dict[str, Any]:  # Any: as in multiprocessing
            data: dict[str, Any] = original(name)
            is_ours = threading.get_ident() == thread
            return {key: value for key, value in data.items() if not (is_ours and key in _MAIN)}

        spawn.get_preparation_data = prepare
        try:
            yield
        finally:
            spawn.get_preparation_data = original


def ask(function: Callable[..., T], *arguments: Any) -> T:  # Any: whatever the function takes, if it can be pickled
    """Returns `function(*arguments)`, computed in a new process whose output is discarded.

    Raises:
        DlstudyError: the process died; an exception of the function itself is raised here as it is.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_be_quiet) as pool:
            with main_module_left_out():
                answer = pool.submit(function, *arguments)
            return answer.result()
    except BrokenProcessPool as error:
        raise DlstudyError(
            f"the process that ran {function.__name__} died: check that TensorFlow can be imported"
        ) from error


def ask_in_time(
    function: Callable[..., T], *arguments: Any, timeout_s: float
) -> T:  # Any: whatever the function takes, if it can be pickled
    """Returns `function(*arguments)` as `ask` does; after so long the process is killed, with all that it started.

    Raises:
        DlstudyError: it took longer, or the process died.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_lead_a_group) as pool:
            with main_module_left_out():
                process = pool.submit(os.getpid)
            leader = process.result()
            _LEADERS.add(leader)
            answer = pool.submit(function, *arguments)
            try:
                if not wait([answer], timeout_s).done:
                    raise DlstudyError(f"it did not end within {timeout_s:g} s")
                return answer.result()
            finally:  # it may have started others, and leaving waits for one that did not end
                _LEADERS.discard(leader)
                _kill(leader)
    except BrokenProcessPool as error:
        raise DlstudyError(f"the process that ran {function.__name__} died") from error


def end_asked() -> None:
    """Ends what `ask_in_time` waits for, in whatever thread: where the whole is given up."""
    for leader in list(_LEADERS):
        _kill(leader)


def _kill(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _lead_a_group() -> None:
    os.setsid()
    _be_quiet()


def _be_quiet() -> None:
    stay_inside("a process of dlstudy")
    os.environ.update(QUIET)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Makes Ctrl-C or SIGTERM raise KeyboardInterrupt inside, for cleanup; a second one exits at once with 130.

    The record survives such an exit, as it survives a kill. In a notebook or another interactive Python, which holds
    more than a run, a second one does what it did before. Outside of the main thread signals are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    both = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in both]

    def at_once(_number: int, _frame: object) -> None:
        os._exit(130)

    def stop(_number: int, _frame: object) -> None:
        for number, handler in zip(both, before, strict=True):
            signal.signal(number, handler if hasattr(sys, "ps1") else at_once)
        raise KeyboardInterrupt

    try:
        for number in both:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in zip(both, before, strict=True):
            signal.signal(number, handler)
