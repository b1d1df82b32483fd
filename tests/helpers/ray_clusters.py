"""The Ray cluster that tests share: nodes are added by those who need them."""

import importlib.util
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.clusters import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster whose head trains nothing: tests add nodes, and end them."""
    if importlib.util.find_spec("ray") is None:  # not imported yet: it then reads the environment
        pytest.skip("the extra dlstudy[ray] is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        folder = Path(tempfile.mkdtemp(prefix="ray"))
        started = Cluster(folder, modules=str(Path(__file__).parents[2]))
        try:
            yield started
        finally:
            started.close()
            shutil.rmtree(folder, ignore_errors=True)
