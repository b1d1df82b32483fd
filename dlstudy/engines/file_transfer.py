"""File transfer between machines that share no disk: studies to the nodes, and the files of trials back."""

import ast
import dataclasses
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlstudy.common.files import Files, read_files, write_files, write_whole
from dlstudy.study.archive import SUFFIX, place_of, read_archive
from dlstudy.study.input_files import files_in
from dlstudy.study.own_modules import UNREADABLE, OwnModules
from dlstudy.study.trial import TrialSpec, figures_beside

__all__ = [
    "StudyFiles",
    "Written",
    "checkpoint_of",
    "collect",
    "left_behind",
    "put_checkpoint",
    "put_in_place",
    "read_study",
    "spec_in",
]

Written = Mapping[str, Files]
"""What a trial wrote, by the name of the folder: `model`, `figures` or `folder`."""


@dataclass(frozen=True)
class StudyFiles:
    """A study file with all modules of its own, and the files that it reads.

    Args:
        path: of the study file among `files`.
        files: by their path from the study's folder, or from the folder around the package that it is part of.
    """

    path: str
    files: Files


def read_study(path: Path, inputs: Iterable[Path] = ()) -> StudyFiles:
    """A study file with the modules of its own that it imports, those that they import, and the files that it reads.

    Of those files, only what is beside it or below, or in its package, comes along: see `left_behind`. So does the
    `__init__.py` of each package around it: the study then has the same package elsewhere. A study file that Python
    cannot parse comes alone.
    """
    modules = OwnModules(place_of(path))
    source, content = _read_file(path)
    try:
        statements = ast.parse(source).body
    except UNREADABLE:  # loading it will raise the error
        statements = []
    path = modules.path.with_name(path.name)
    around = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(modules.root)]
    own = {file.relative_to(modules.root).as_posix(): file for file in around if file.is_file()}
    read = [file for each in inputs if each.is_relative_to(modules.root) for file in files_in(each) if file.is_file()]
    own |= {file.relative_to(modules.root).as_posix(): file for file in read}
    files = {name: file.read_bytes() for name, file in (own | modules.files(statements)).items()}
    place = path.relative_to(modules.root).as_posix()
    return StudyFiles(place, {**files, place: content})


def left_behind(path: Path, inputs: Iterable[Path]) -> list[Path]:
    """Those of the files that a study reads that are not sent along with it."""
    root = OwnModules(place_of(path)).root
    return [each for each in inputs if not each.is_relative_to(root)]


def _read_file(path: Path) -> tuple[bytes, bytes]:
    """The source text of a study, and its file for a place where its own modules are beside it."""
    if path.suffix != SUFFIX:
        return path.read_bytes(), path.read_bytes()
    archive = read_archive(path)
    return archive.source.encode(), dataclasses.replace(archive, folder="").content()


def spec_in(spec: TrialSpec, study_path: Path, folder: Path) -> TrialSpec:
    """The spec for a machine where the study is at `study_path` and a trial writes into `folder`."""
    return dataclasses.replace(
        spec,
        study_path=str(study_path),
        model_folder=str(folder / "model") if spec.model_folder else None,
        folder=str(folder / "folder") if spec.folder else None,
        checkpoint=str(folder / "checkpoint") if spec.checkpoint else None,
    )


def collect(spec: TrialSpec) -> Written:
    """The files that a trial wrote into the folders of its spec."""
    return {name: read_files(folder) for name, folder in _folders(spec).items() if folder.is_dir()}


def checkpoint_of(spec: TrialSpec) -> bytes | None:
    """The checkpoint that a trial has left; None where there is none."""
    path = Path(spec.checkpoint) if spec.checkpoint else None
    return path.read_bytes() if path is not None and path.is_file() else None


def put_checkpoint(content: bytes, spec: TrialSpec) -> None:
    """Keeps the checkpoint of a trial that trains elsewhere; the trial goes on where that is not possible."""
    assert spec.checkpoint is not None
    with suppress(OSError):
        write_whole(Path(spec.checkpoint), content)


def put_in_place(written: Written, spec: TrialSpec) -> None:
    """Writes the files of a trial from elsewhere into the folders of its spec, in place of an earlier trial's files.

    A folder appears complete or not at all: it is written under another name first.
    """
    for name, folder in _folders(spec).items():
        if name not in written:
            continue
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        write_files(written[name], new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def _folders(spec: TrialSpec) -> dict[str, Path]:
    folders = {"folder": Path(spec.folder)} if spec.folder else {}
    if spec.model_folder:
        model = Path(spec.model_folder)
        folders |= {"figures": figures_beside(model), "model": model}  # the model last: then all is in place
    return folders
