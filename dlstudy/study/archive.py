"""The file of a study that was made in Python: its source text, and a pickle of what has none.

::

    churn-a1b2c3d4e5f6.dlstudy   a zip file, named by the study and by its own content
        about.json               the study's name, the folder of its modules, digests of what has no source text
        study.py                 the source text
        study.pickle             the whole study; only where the text is not all of it

To read a pickle is to run it: such a file is to be trusted like a Python file.
"""

import functools
import hashlib
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlstudy.errors import StudyError

__all__ = ["INCOMPLETE", "SUFFIX", "Archive", "archived_name", "left_out", "newest", "place_of", "read_archive"]

SUFFIX = ".dlstudy"
INCOMPLETE = "# Not all of the study: it is kept in a pickle, because there is no source text of "
"""How a text begins that is not the whole study, before the names of what is left out."""

_VERSION = 1
_FILE = re.compile(rf"(?P<name>.+)-[0-9a-f]{{12}}\{SUFFIX}")


@dataclass(frozen=True)
class Archive:
    """What such a file holds.

    Args:
        name: of the study.
        folder: where modules of its own are, absolute; empty for beside the file.
        source: its text as a study file; the whole study, if there is no pickle.
        kept: a digest of each part that has no text and that trainings need, by its name.
        used: names in the text that those parts use.
        pickled: the study, by cloudpickle; empty if the text is all of it.
        python: the version of Python that the pickle is for, as `3.12`.
        question, dataset: of the study, to be listed; the latter is empty where it brings its own rows.
    """

    name: str
    folder: str
    source: str
    kept: Mapping[str, str] = field(default_factory=dict)
    used: Sequence[str] = ()
    pickled: bytes = b""
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    question: str = ""
    dataset: str = ""

    def content(self) -> bytes:
        """The file: the same for the same study."""
        about = {"version": _VERSION, "name": self.name, "folder": self.folder, "python": self.python}
        about |= {"kept": dict(self.kept), "used": list(self.used)}
        about |= {"question": self.question, "dataset": self.dataset}
        parts = {"about.json": json.dumps(about).encode(), "study.py": self.source.encode()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for part, data in (parts | ({"study.pickle": self.pickled} if self.pickled else {})).items():
                file.writestr(zipfile.ZipInfo(part), data)  # whose time is always the same
        return buffer.getvalue()

    def write(self, folder: Path) -> Path:
        """Writes the file into a folder, as the newest of its study, and removes older ones; returns its path.

        Raises:
            OSError: it cannot be written.
        """
        content = self.content()
        path = folder / f"{self.name}-{hashlib.sha256(content).hexdigest()[:12]}{SUFFIX}"
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)
        for other in _of_study(folder, self.name):
            if other != path:
                other.unlink(missing_ok=True)
        return path


def read_archive(path: Path, *, with_pickle: bool = True) -> Archive:
    """What a file holds; runs nothing.

    Args:
        path: of the file.
        with_pickle: whether to read the pickle, which may be large; else it is taken for empty.

    Raises:
        StudyError: it cannot be read, or another version wrote it.
    """
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read("about.json"))
            has_pickle = with_pickle and "study.pickle" in file.namelist()
            pickled = file.read("study.pickle") if has_pickle else b""
            source = file.read("study.py").decode()
        if about["version"] != _VERSION:
            raise StudyError(f"{path.name} is of another version of dlstudy, got {about['version']!r}: run it again")
        name, folder, kept, used = (about[word] for word in ("name", "folder", "kept", "used"))
        shown = [str(about.get(word, "")) for word in ("question", "dataset")]
        return Archive(name, folder, source, kept, used, pickled, about["python"], *shown)
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError, NotImplementedError) as error:
        raise StudyError(f"{path.name} is damaged: run the study from Python again") from error


@functools.cache
def place_of(path: Path) -> Path:
    """The path that the own modules of a study and the files that it reads are beside: of its file, if that is Python.

    A study that was made in Python has those of the folder that it was made in.

    Raises:
        StudyError: the file cannot be read.
    """
    if path.suffix != SUFFIX:
        return path
    archive = read_archive(path, with_pickle=False)
    return (Path(archive.folder) if archive.folder else path.parent) / f"{archive.name}.py"


def left_out(source: str) -> str:
    """The names of what a text has no source of; empty where it is the whole study."""
    first = source.partition("\n")[0]
    return first.removeprefix(INCOMPLETE).rstrip(".") if first.startswith(INCOMPLETE) else ""


def archived_name(path: Path) -> str:
    """The name of the study in such a file, from the file's name."""
    found = _FILE.fullmatch(path.name)
    return found["name"] if found else path.stem


def newest(folder: Path, name: str | None = None) -> dict[str, Path]:
    """The newest file of each study in a folder, or of the study of that name, by the study's name."""
    found: dict[str, Path] = {}
    for path in sorted(_of_study(folder, name), key=_time_of):
        found[archived_name(path)] = path.resolve()
    return found


def _of_study(folder: Path, name: str | None) -> list[Path]:
    files = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
    return [path for path in files if _FILE.fullmatch(path.name) and name in (None, archived_name(path))]


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
