"""Finds studies by name or path, and loads them."""

import difflib
import importlib.util
import linecache
import os
import pickle
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlstudy.common.hints import hint_of
from dlstudy.common.nesting import running_inside
from dlstudy.common.opened_files import opened_files
from dlstudy.common.text import describe_error, message_of, one_line, short_repr
from dlstudy.datasets.cache import cache_folder
from dlstudy.datasets.readers.paths import base_folder, reads_later
from dlstudy.errors import DefinitionError, StudyError
from dlstudy.study.archive import SUFFIX, Archive, archived_name, newest, place_of, read_archive
from dlstudy.study.input_files import names_of, path_of, stated_names
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.study import Study
from dlstudy.study.validation import require_name

__all__ = ["StudyFile", "find", "line_in", "load", "name_of", "paths"]


@dataclass(frozen=True)
class StudyFile:
    """A study with the file it comes from.

    Args:
        name: the file's name without `.py`; of a study that was made in Python, what it was named there.
        path: the file, absolute.
        source: its text.
        study: what it defines as `STUDY`.
        modules: those of its own, beside its file or in its package.
        inputs: the names of the files that it reads: those that it states, and those that it opened while it was
            loaded; see `dlstudy.study.input_files`.
        kept, used: what has no source text of a study that was made in Python; see `Archive`.
    """

    name: str
    path: Path
    source: str
    study: Study
    modules: OwnModules = field(compare=False, repr=False)
    inputs: Sequence[str] = ()
    kept: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    used: Sequence[str] = ()

    @property
    def folder(self) -> Path:
        """The folder that it was written in: of its file, or of the script or notebook that made it."""
        return self.modules.path.parent

    @property
    def input_paths(self) -> list[Path]:
        """The files that it reads, absolute."""
        return [path_of(name, self.folder) for name in self.inputs]


def paths(made: Path | None = None) -> dict[str, Path]:
    """Every study's file by name: those in `studies/` of the current folder hide the bundled ones.

    Args:
        made: a folder of studies that were made in Python, which both of these hide; None for none.
    """
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, path.resolve())
    return found if made is None else newest(made) | found


def find(name: str, made: Path | None = None) -> Path:
    """The study file of that name, at that path, or of that module of an installed package (`package.module`).

    Args:
        name: of the study, or where it is.
        made: the folder of studies that were made in Python; a study file of the same name comes first.

    Raises:
        StudyError: there is none; names what there is.
    """
    if _is_path(name):
        path = _file_at(name)
        if path is None:
            raise StudyError(f"no study file at {short_repr(name)}: check the path")
        return path
    known = paths(made)
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
    return archived_name(find(study)) if _is_path(study) or _module_file(study) is not None else study


def load(path: Path) -> StudyFile:
    """Runs a study file and takes its `STUDY`.

    Raises:
        StudyError: the file cannot be read, fails when it runs, defines no `STUDY`, or states a file that is not there;
            says where.
    """
    if path.suffix == SUFFIX:
        return _unpacked(path, read_archive(path))
    require_name("the name of a study file", path.stem)
    source, modules = _read(path), OwnModules(path)
    code = _compiled(source, path)
    study, inputs = _in_place(path, modules, lambda: _executed(code, path, path.stem, modules))
    return StudyFile(path.stem, path, source, study, modules, inputs)


def _unpacked(path: Path, archive: Archive) -> StudyFile:
    """A study that was made in Python: its text is run; where that is not all of it, it is read from the pickle."""
    modules = OwnModules(place_of(path))
    if archive.pickled:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        if archive.python != here:
            raise StudyError(
                f"{path.name} is for Python {archive.python}, got {here}: run the study from Python again, or use that"
            )
        study, inputs = _in_place(path, modules, lambda: pickle.loads(archive.pickled))
    else:
        lines = archive.source.splitlines(keepends=True)
        linecache.cache[str(path)] = (len(archive.source), None, lines, str(path))  # for tracebacks, and AutoGraph
        code = _compiled(archive.source, path)
        study, inputs = _in_place(path, modules, lambda: _executed(code, path, archive.name, modules))
    return StudyFile(archive.name, path, archive.source, study, modules, inputs, archive.kept, archive.used)


def _compiled(source: str, path: Path) -> types.CodeType:
    try:
        return compile(source, str(path), "exec")
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise StudyError(f"{path.name}{line}: {one_line(error.msg)}") from error
    except (ValueError, MemoryError, RecursionError) as error:  # raised by Python's parser for excessive nesting
        raise StudyError(f"{path.name} is not valid Python: {describe_error(error)}") from error


def _executed(code: types.CodeType, path: Path, name: str, modules: OwnModules) -> object:
    """What the code of a study file binds as `STUDY`; None if nothing."""
    module = types.ModuleType(_module_name(modules, name))
    module.__file__, module.__package__ = str(path), modules.package
    sys.modules[module.__name__] = module  # dataclasses and Keras look classes up by the name of their module
    exec(code, module.__dict__)
    return getattr(module, "STUDY", None)


def _module_name(modules: OwnModules, name: str) -> str:
    return f"{modules.package or 'dlstudy_studies'}.{name}"


def _in_place(path: Path, modules: OwnModules, make: Callable[[], object]) -> tuple[Study, Sequence[str]]:
    """The study that a file makes, while its own modules can be imported, and the names of the files that it reads.

    Raises:
        StudyError: it fails, makes something else, or states a file that is not there; says where.
    """
    place = modules.path
    beside, later = base_folder.set(place.resolve().parent), reads_later.set(True)
    try:
        with (
            opened_files(place.parent, [path, cache_folder()]) as opened,
            modules.importable(),
            running_inside(f"the loading of {path.name}"),
            warnings.catch_warnings(),  # what Optuna warns of, `Arm` refuses with a message
        ):
            warnings.filterwarnings("ignore", "Choices for a categorical distribution", UserWarning)
            study = make()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a study file may also raise SystemExit, or what it made itself
        raise StudyError(f"{path.name}{line_in(error, path)}: {_message(error, path)}") from error
    finally:
        base_folder.reset(beside)
        reads_later.reset(later)
    if not isinstance(study, Study):
        raise StudyError(f"{path.name} must define STUDY = Study(...), got {_instead(study, path, modules)}")
    inputs = [*stated_names(place, study.files), *names_of(opened.paths, place.parent)]
    return study, tuple(dict.fromkeys(inputs))


def _instead(study: object, path: Path, modules: OwnModules) -> str:
    """What a file has in place of its `STUDY`."""
    if study is not None:
        return f"{type(study).__name__} of that name"
    module = sys.modules.get(_module_name(modules, path.stem))
    others = [name for name, value in vars(module).items() if isinstance(value, Study)] if module else []
    return f"a Study named {others[0]}: rename it to STUDY" if others else "nothing of that name: add it"


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
    return name.endswith((".py", SUFFIX)) or os.sep in name


def _folders() -> list[Path]:
    package = Path(__file__).parents[1]
    bundled = package / "bundled_studies"  # in a wheel; a checkout has them beside the package
    return [Path("studies"), bundled if bundled.is_dir() else package.parent / "studies"]


def _message(error: BaseException, path: Path) -> str:
    if isinstance(error, DefinitionError):
        return str(error)
    called = [frame.name for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    is_called = "build" in called or message_of(error).startswith("build() missing")
    hint = "give the function itself, build=build, without calling it" if is_called else hint_of(error)
    return f"{describe_error(error)}: {hint}" if hint else describe_error(error)
