"""Finds studies by name or path, and loads them."""

import difflib
import os
import sys
import traceback
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

from dlstudy.common.text import one_line, shown, told
from dlstudy.errors import DefinitionError, StudyError
from dlstudy.study.study import Study
from dlstudy.study.validation import require_name

__all__ = ["StudyFile", "find", "line_in", "load", "name_of", "paths"]


@dataclass(frozen=True)
class StudyFile:
    """A study with the file it comes from.

    Args:
        name: the file's name without `.py`.
        path: the file, absolute.
        source: its text.
        study: what it defines as `STUDY`.
    """

    name: str
    path: Path
    source: str
    study: Study


def paths() -> dict[str, Path]:
    """Every study's file by name: those in `studies/` of the current folder hide the bundled ones."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, path.resolve())
    return found


def find(name: str) -> Path:
    """The study file of that name, or at that path.

    Raises:
        StudyError: there is none; names what there is.
    """
    if _is_path(name):
        path = _file_at(name)
        if path is None:
            raise StudyError(f"no study file at {shown(name)}: check the path")
        return path
    known = paths()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = (
            f"did you mean {near[0]}?" if near else f"choose from {', '.join(sorted(known)) or 'none'}, or give a path"
        )
        raise StudyError(f"no study is named {shown(name)}: {hint}")
    return known[name]


def name_of(study: str) -> str:
    """The name of a study that is given by its name or by the path of its file; the name need not be known.

    Raises:
        StudyError: there is no file at that path.
    """
    return find(study).stem if _is_path(study) else study


def load(path: Path) -> StudyFile:
    """Runs a study file and takes its `STUDY`.

    Raises:
        StudyError: the file cannot be read, fails when it runs, or defines no `STUDY`; says where.
    """
    require_name("the name of a study file", path.stem)
    source = _read(path)
    try:
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise StudyError(f"{path.name}{line}: {one_line(error.msg)}") from error
    except (ValueError, MemoryError, RecursionError) as error:  # what Python's parser makes of endless nesting
        raise StudyError(f"{path.name} is no Python that can be read: {told(error)}") from error
    module = types.ModuleType(f"dlstudy_studies.{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and Keras look classes up by the name of their module
    try:
        with warnings.catch_warnings():  # what Optuna warns of there, `Arm` refuses with a message of its own
            warnings.filterwarnings("ignore", "Choices for a categorical distribution", UserWarning)
            exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a study file may also raise SystemExit, or what it made itself
        raise StudyError(f"{path.name}{line_in(error, path)}: {_message(error)}") from error
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        got = "nothing of that name" if study is None else type(study).__name__
        raise StudyError(f"{path.name} must define STUDY = Study(...), got {got}")
    return StudyFile(path.stem, path, source, study)


def line_in(error: BaseException, path: Path) -> str:
    """The last line of a file that an error came through, as `, line 12`; empty where it came through none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte-order mark
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name} is no text in UTF-8, byte {error.start} is none: save it as UTF-8") from error


def _file_at(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path.resolve() if path.is_file() else None
    except (OSError, RuntimeError):  # a name too long for a file, or a home folder of nobody
        return None


def _is_path(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def _folders() -> list[Path]:
    package = Path(__file__).parents[1]
    bundled = package / "bundled_studies"  # in a wheel; a checkout has them beside the package
    return [Path("studies"), bundled if bundled.is_dir() else package.parent / "studies"]


def _message(error: BaseException) -> str:
    return str(error) if isinstance(error, DefinitionError) else told(error)
