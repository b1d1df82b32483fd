"""Finds studies by name or path, and loads them."""

import difflib
import importlib.util
import os
import sys
import traceback
import types
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlstudy.common.opened_files import opened_files
from dlstudy.common.text import describe_error, one_line, short_repr
from dlstudy.datasets.cache import cache_folder
from dlstudy.errors import DefinitionError, StudyError
from dlstudy.study.input_files import names_of, path_of, stated_names
from dlstudy.study.own_modules import OwnModules
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
        modules: those of its own, beside its file or in its package.
        inputs: the names of the files that it reads: those that it states, and those that it opened while it was
            loaded; see `dlstudy.study.input_files`.
    """

    name: str
    path: Path
    source: str
    study: Study
    modules: OwnModules = field(compare=False, repr=False)
    inputs: Sequence[str] = ()

    @property
    def input_paths(self) -> list[Path]:
        """The files that it reads, absolute."""
        return [path_of(name, self.path.parent) for name in self.inputs]


def paths() -> dict[str, Path]:
    """Every study's file by name: those in `studies/` of the current folder hide the bundled ones."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, path.resolve())
    return found


def find(name: str) -> Path:
    """The study file of that name, at that path, or of that module of an installed package (`package.module`).

    Raises:
        StudyError: there is none; names what there is.
    """
    if _is_path(name):
        path = _file_at(name)
        if path is None:
            raise StudyError(f"no study file at {short_repr(name)}: check the path")
        return path
    known = paths()
    if name not in known and (path := _module_file(name)) is not None:
        return path
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"choose from {', '.join(sorted(known)) or 'none'}, or give a path or the name of a module"
        )
        raise StudyError(f"no study is named {short_repr(name)}: {hint}")
    return known[name]


def name_of(study: str) -> str:
    """The name of a study that is given by its name, path or module; a plain name need not be known.

    Raises:
        StudyError: there is no file at that path.
    """
    return find(study).stem if _is_path(study) or _module_file(study) is not None else study


def load(path: Path) -> StudyFile:
    """Runs a study file and takes its `STUDY`.

    Raises:
        StudyError: the file cannot be read, fails when it runs, defines no `STUDY`, or states a file that is not there;
            says where.
    """
    require_name("the name of a study file", path.stem)
    source = _read(path)
    try:
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise StudyError(f"{path.name}{line}: {one_line(error.msg)}") from error
    except (ValueError, MemoryError, RecursionError) as error:  # raised by Python's parser for excessive nesting
        raise StudyError(f"{path.name} is not valid Python: {describe_error(error)}") from error
    modules = OwnModules(path)
    module = types.ModuleType(f"{modules.package or 'dlstudy_studies'}.{path.stem}")
    module.__file__, module.__package__ = str(path), modules.package
    try:
        with (
            opened_files(path.parent, [path, cache_folder()]) as opened,
            modules.importable(),
            warnings.catch_warnings(),  # what Optuna warns of, `Arm` refuses with a message
        ):
            sys.modules[module.__name__] = module  # dataclasses and Keras look classes up by the name of their module
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
    inputs = [*stated_names(path, study.files), *names_of(opened.paths, path.parent)]
    return StudyFile(path.stem, path, source, study, modules, tuple(dict.fromkeys(inputs)))


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
        raise StudyError(f"{path.name} is not UTF-8 text, byte {error.start} is invalid: save it as UTF-8") from error


def _file_at(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path.resolve() if path.is_file() else None
    except (OSError, RuntimeError):  # a name too long for a file, or an unknown user's home folder
        return None


def _module_file(name: str) -> Path | None:
    """The source of a module of an installed package, or of one in the current folder."""
    if "." not in name or _is_path(name) or not all(part.isidentifier() for part in name.split(".")):
        return None
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(name)  # which imports the packages around it
    except (Exception, SystemExit):  # whatever those packages raise: no study can be loaded from them
        return None
    finally:
        sys.path.pop(0)
    path = Path(spec.origin).resolve() if spec and spec.origin else None
    return path if path and path.suffix == ".py" and path.stem != "__init__" else None


def _is_path(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def _folders() -> list[Path]:
    package = Path(__file__).parents[1]
    bundled = package / "bundled_studies"  # in a wheel; a checkout has them beside the package
    return [Path("studies"), bundled if bundled.is_dir() else package.parent / "studies"]


def _message(error: BaseException) -> str:
    return str(error) if isinstance(error, DefinitionError) else describe_error(error)
