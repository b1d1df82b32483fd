"""The rows that a study brings itself, `Study(data=...)`: read in a process of their own, and kept in the cache.

A study with such rows becomes one on the data set of that content, whose name is known to `registry`. What a study's
function gave is remembered by the code of that function, so that commands which only look need not read it again.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

from dlstudy.common.opened_files import opened_files
from dlstudy.common.processes import ask
from dlstudy.common.text import describe_error
from dlstudy.datasets.cache import cache_folder
from dlstudy.datasets.data import Data
from dlstudy.datasets.known_files import sha256_of
from dlstudy.datasets.own_cache import is_own, own_folder, store_own, store_stream
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.datasets.readers.paths import base_folder
from dlstudy.datasets.stream import Stream
from dlstudy.errors import DataError, DlstudyError
from dlstudy.study import loader
from dlstudy.study.archive import place_of
from dlstudy.study.fingerprint import code_digests
from dlstudy.study.loader import StudyFile, line_in
from dlstudy.training.streams import describe_stream

__all__ = ["with_rows"]


def with_rows(file: StudyFile, *, anew: bool = False) -> StudyFile:
    """The study on the data set that its own rows are; a study on a named data set as it is.

    Args:
        file: of the study.
        anew: whether to read the rows again, as before a run; else those are taken that were read last, unless a file
            that was opened then has changed.

    Raises:
        DataError: the rows cannot be read, or are no data to learn from.
    """
    if file.study.data is None:
        return file
    note = _note_of(file)
    name = "" if anew else _remembered(note)
    if not name:
        name, files = ask(_read, str(file.path))
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"name": name, "files": files}), encoding="utf-8")
    study = dataclasses.replace(file.study, dataset=name, data=None)
    return dataclasses.replace(file, study=study)


def _note_of(file: StudyFile) -> Path:
    """The file that keeps which rows the study gave last."""
    text = json.dumps([str(file.folder / file.path.name), _code_of(file)])
    return own_folder("remembered") / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def _code_of(file: StudyFile) -> dict[str, str]:
    """A digest of each part of the code that gives the rows, by name."""
    function = file.study.data
    names = [getattr(function, "__name__", "STUDY")] if callable(function) else ["STUDY"]
    return code_digests(file.source, [*names, *file.used], file.modules) | dict(file.kept)


def _remembered(note: Path) -> str:
    """The name of the rows that were read last; empty where they are gone, or a file has another time or size since."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        is_same = all(_stat_of(Path(path)) == stat for path, stat in known["files"].items())
    except (OSError, ValueError, LookupError):
        return ""
    return str(known["name"]) if is_same and is_own(str(known["name"])) else ""


def _stat_of(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _read(path: str) -> tuple[str, dict[str, list[int]]]:
    """Reads a study's rows into the cache, in a process of its own; returns their name, and the files it opened."""
    folder = place_of(Path(path)).resolve().parent
    base_folder.set(folder)  # so that its relative paths hold from any current folder
    with opened_files(folder, [Path(path), cache_folder()]) as opened:
        file = loader.load(Path(path))
        name = _name_of_rows(file)
        return name, {str(each): _stat_of(each) for each in opened.paths if each.is_file()}


def _name_of_rows(file: StudyFile) -> str:
    data = file.study.data
    with file.modules.importable():
        if callable(data):
            try:
                data = data()
            except DlstudyError as error:
                raise type(error)(f"{file.path.name}{line_in(error, file.path)}: {error}") from error
            except (Exception, SystemExit) as error:  # whatever the study's own code raises
                raise DataError(
                    f"{file.path.name}{line_in(error, file.path)}: Study.data: {describe_error(error)}"
                ) from error
        if not isinstance(data, Data | Stream):
            raise DataError(f"{file.path.name}: Study.data must return Data(...), got {type(data).__name__}")
        try:
            return _stored_stream(file, data) if isinstance(data, Stream) else store_own(plain_rows(data))
        except DataError as error:
            raise DataError(f"{file.path.name}: {error}") from error


def _stored_stream(file: StudyFile, stream: Stream) -> str:
    """Reads a stream once where its rows must be counted, and notes what it is; returns its name."""
    code = _code_of(file)
    files = {name: _sha256(file.folder / name) for name in stream.files}
    try:
        about = describe_stream(stream, [code, stream.version, files])
    except DataError:
        raise
    except Exception as error:  # whatever the study's own code raises
        raise DataError(f"the stream cannot be read{line_in(error, file.path)}: {describe_error(error)}") from error
    store_stream(about)
    return about.name


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DataError(f"{path.name} of the stream's files cannot be read: {error.strerror}") from error
