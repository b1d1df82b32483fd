"""The files that a study reads beside its code: their names in its definition, and what is in them.

A file has the path from the study file's folder as its name, if it is in that folder or the one around it: the study
may then lie elsewhere on another machine. Else it has its absolute path. A folder, whose name ends in `/`, stands for
all files in it and below.
"""

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dlstudy.common.text import short_repr
from dlstudy.errors import StudyError

__all__ = ["digest_of", "digests_of", "files_in", "name_of", "names_of", "path_of", "stated_names"]

_MOST_OF_A_FOLDER = 100
"""Files of one folder that are named one by one."""


def stated_names(study: Path, stated: Iterable[str]) -> list[str]:
    """The names of the files that `Study.files` states.

    Args:
        study: the study file, absolute.
        stated: paths from its folder, or absolute ones.

    Raises:
        StudyError: there is no such file, or it is a folder that the study file is in.
    """
    names = []
    for text in stated:
        path = Path(os.path.normpath(study.parent / text))
        try:
            kind = "folder" if path.is_dir() else "file" if path.is_file() else ""
        except (OSError, ValueError):  # a name too long, or with a null in it
            kind = ""
        if not kind:
            raise StudyError(
                f"{study.name}: Study.files names {short_repr(text)}, and there is no such file in {study.parent}: "
                "correct the path, which is relative to the study file"
            )
        if kind == "folder" and study.is_relative_to(path):
            raise StudyError(
                f"{study.name}: Study.files names {short_repr(text)}, a folder that the study file is in: name files, "
                "or folders in it"
            )
        names.append(name_of(path, study.parent) + ("/" if kind == "folder" else ""))
    return names


def names_of(paths: Iterable[Path], folder: Path) -> list[str]:
    """The names of files that were opened; of more than a hundred in one folder, the folder's.

    Args:
        paths: absolute.
        folder: of the study file.
    """
    found, folder = list(paths), folder.resolve()
    counts = Counter(path.parent for path in found)
    crowded = {one for one, n in counts.items() if n > _MOST_OF_A_FOLDER and not folder.is_relative_to(one)}
    names = {name_of(path, folder) for path in found if path.parent not in crowded}
    return sorted(names | {f"{name_of(one, folder)}/" for one in crowded})


def name_of(path: Path, folder: Path) -> str:
    """The name of a file, given by its absolute path, of a study in that folder."""
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    around = folder.parent
    is_near = around != Path(around.anchor) and path.is_relative_to(around)
    return f"../{path.relative_to(around).as_posix()}" if is_near else path.as_posix()


def path_of(name: str, folder: Path) -> Path:
    """The absolute path of the file of that name."""
    return Path(os.path.normpath(folder / name))


def files_in(path: Path) -> list[Path]:
    """A file itself; all files of a folder and below, without hidden ones."""
    if not path.is_dir():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def digests_of(names: Iterable[str], folder: Path) -> dict[str, str]:
    """The digest of each file by its name, as `digest_of` gives it, in the order of names."""
    return {name: digest_of(path_of(name, folder)) for name in sorted(set(names))}


def digest_of(path: Path) -> str:
    """The first 16 digits of the SHA-256 of a file, or of the names and contents of a folder; empty for none.

    Raises:
        StudyError: it cannot be read.
    """
    try:
        if not path.is_dir():
            return _digest_of_file(path)
        text = "\n".join(f"{_digest_of_file(file)} {file.relative_to(path).as_posix()}" for file in files_in(path))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path}, which the study reads, cannot be read ({getattr(error, 'strerror', '') or error}): correct that"
        ) from error


def _digest_of_file(path: Path) -> str:
    about = path.stat()
    return _digest_of_state(path, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@functools.lru_cache(maxsize=100_000)
def _digest_of_state(path: Path, *_: int) -> str:
    """The digest of a file in a state: it is read once, and again when it has changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
