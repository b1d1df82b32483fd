"""Short-lived processes that import TensorFlow on behalf of the parent, which never does."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from dlstudy.errors import DlstudyError

__all__ = ["QUIET", "ask", "stopping_signals"]

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


def ask(function: Callable[..., T], *arguments: Any) -> T:  # Any: whatever the function takes, if it can be pickled
    """Returns `function(*arguments)`, computed in a new process whose output is discarded.

    Raises:
        DlstudyError: the process died; an exception of the function itself is raised here as it is.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_be_quiet) as pool:
            return pool.submit(function, *arguments).result()
    except BrokenProcessPool as error:
        raise DlstudyError(
            f"the process that ran {function.__name__} died: check that TensorFlow can be imported"
        ) from error


def _be_quiet() -> None:
    os.environ.update(QUIET)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Makes Ctrl-C or SIGTERM raise KeyboardInterrupt inside, for cleanup; a second one exits at once with 130.

    For the main thread. The record survives such an exit, as it survives a kill.
    """
    both = (signal.SIGINT, signal.SIGTERM)

    def at_once(_number: int, _frame: object) -> None:
        os._exit(130)

    def stop(_number: int, _frame: object) -> None:
        for number in both:
            signal.signal(number, at_once)
        raise KeyboardInterrupt

    before = [signal.signal(number, stop) for number in both]
    try:
        yield
    finally:
        for number, handler in zip(both, before, strict=True):
            signal.signal(number, handler)
