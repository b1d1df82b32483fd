"""Opens the study that a call names, or that was made where the call is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.common.text import short_repr
from dlstudy.errors import UsageError
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.archive import Archive
from dlstudy.study.loader import StudyFile
from dlstudy.study.own_modules import is_installed
from dlstudy.study.packing import pack
from dlstudy.study.study import Study
from dlstudy.training.study_rows import with_rows

__all__ = ["opened"]


@contextmanager
def opened(study: Study | str | Path, name: str | None, home: Home, *, anew: bool = False) -> Iterator[StudyFile]:
    """The study with a file that other processes can load while this is active, on the rows that it brings.

    Args:
        study: made in this process; or its name, the path of its file, or its module.
        name: of a study that was made here; None for that of the script, and `study` in a notebook.
        home: where earlier studies that were made in Python are.
        anew: whether to read its own rows again, as before a run.

    Raises:
        UsageError: it is none of these, or its name is taken.
        StudyError: it cannot be loaded, or not be sent to other processes.
        DataError: its rows cannot be read.
    """
    if isinstance(study, str | Path):
        if name is not None:
            raise UsageError(f"name= is for a study that is made here, got it with {str(study)!r}: leave it out")
        yield with_rows(loader.load(loader.find(str(study), home.studies)), anew=anew)
        return
    if not isinstance(study, Study):
        raise UsageError(f"a study is a Study, its name or the path of its file, got {short_repr(study)}")
    archive = pack(study, _script_name() if name is None else name)
    _refuse_taken(archive)
    with TemporaryDirectory(prefix="dlstudy-") as folder:
        yield with_rows(loader.load(archive.write(Path(folder))), anew=anew)


def _script() -> Path | None:
    """The script that runs here; None in a notebook, where Python reads standard input, or where a tool runs."""
    main = sys.modules["__main__"]
    path = Path(getattr(main, "__file__", None) or "")
    return path.resolve() if path.is_file() and not is_installed(main) else None


def _script_name() -> str:
    script = _script()
    return "study" if script is None else script.stem


def _refuse_taken(archive: Archive) -> None:
    """Checks that no other study file has the study's name: the record could not tell them apart."""
    path = loader.paths().get(archive.name)
    if path is None or path == _script() or path.read_bytes() == archive.source.encode():
        return
    raise UsageError(
        f"the name {archive.name!r} is that of the study file {path}: give this study another one with name=, or run "
        "that file"
    )
