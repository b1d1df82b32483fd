"""Says where a study is kept that was made in Python, and saves it as a study file."""

from pathlib import Path

from dlstudy.errors import StudyError, UsageError
from dlstudy.study import loader
from dlstudy.study.archive import SUFFIX, left_out
from dlstudy.study.fingerprint import code_of
from dlstudy.study.loader import StudyFile

__all__ = ["origin_of", "save_study"]


def origin_of(file: StudyFile) -> str:
    """Where a study is kept that was made in Python, in a sentence or two; empty for a study file."""
    if file.path.suffix != SUFFIX:
        return ""
    kept = f"{file.name} was made in Python and is kept in the results folder, where this command finds it by its name."
    if missing := left_out(file.source):
        return f"{kept} It cannot be saved as a study file: there is no source text of {missing}."
    return f'{kept} dlstudy.load("{file.name}").save() writes it as {file.name}.py, to be run elsewhere.'


def save_study(file: StudyFile, path: Path) -> Path:
    """Writes the source text of a study to a file that gives the same definition.

    Args:
        file: of the study.
        path: of the file to write, which must be named as the study is; or a folder.

    Raises:
        StudyError: the text is not the whole study, or means another one at that place.
        UsageError: the file has another name, or cannot be written.
    """
    path = path.expanduser().resolve()
    path = path / f"{file.name}.py" if path.is_dir() else path
    if path.name != f"{file.name}.py":
        raise UsageError(
            f"a study is known to the record by the name of its file, {file.name}.py, got {path.name}: save it as "
            f"{file.name}.py, or run it with another name="
        )
    if missing := left_out(file.source):
        raise StudyError(
            f"the study cannot be saved as a file, there is no source text of {missing}: write each as a function at "
            "the top of a cell or a file, or as a plain value"
        )
    if path.is_file() and path.read_bytes() != file.source.encode():
        raise UsageError(f"{path} holds something else: remove it, or name another folder")
    return _written(file, path)


def _written(file: StudyFile, path: Path) -> Path:
    is_new = not path.exists()
    try:
        path.write_text(file.source, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the study cannot be saved as {path} ({error.strerror}): name another place") from error
    try:
        same = code_of(loader.load(path)) == code_of(file)
    except StudyError as error:
        problem = str(error)
    else:
        problem = "" if same else "its definition there is another"
    if problem:
        if is_new:
            path.unlink()
        raise StudyError(f"the study cannot be saved as {path} ({problem}): its own modules are in {file.folder}")
    return path
