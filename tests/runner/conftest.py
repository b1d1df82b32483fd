"""What tests of runs share."""

import pytest

from dlstudy.store.home import Home


@pytest.fixture
def home(tmp_path):
    """An empty results folder, whose path has a space."""
    made = Home.at(tmp_path / "my home")
    made.create()
    return made


@pytest.fixture
def path(request, tmp_path):
    """The file of the study that the module's `NETS` defines."""
    file = tmp_path / "nets.py"
    file.write_text(request.module.NETS)
    return file
