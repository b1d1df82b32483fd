"""What tests of commands share."""

import pytest

from dlstudy.store.home import Home


@pytest.fixture
def usual_home(tmp_path, monkeypatch):
    """The results folder that a command uses which names none: empty, in a folder that this process stands in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLSTUDY_HOME", raising=False)
    made = Home.at()
    made.create()
    return made
