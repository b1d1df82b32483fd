"""Empty stores of MLflow's, copied: to make one takes seconds, and hundreds of tests need one."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from dlstudy.tracking.stores import make_store

__all__ = ["copy_store", "original"]


@cache
def original() -> Path:
    """The path of an empty store, made once in this process."""
    path = Path(tempfile.mkdtemp(prefix="mlflow-store-")) / "mlflow.db"
    make_store(path)
    return path


def copy_store(path: Path) -> None:
    """Stands for `make_store`."""
    shutil.copyfile(original(), path)
