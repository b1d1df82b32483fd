"""What travels between machines that share no disk: a study on the way out, what a trial wrote on the way back."""

import ast
import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlstudy.study.trial import TrialSpec, pictures_beside

__all__ = ["Files", "Written", "collect", "put_in_place", "read_study", "spec_in", "write_files"]

Files = Mapping[str, bytes]
"""The content of files by their path in a folder, with `/` between its parts."""

Written = Mapping[str, Files]
"""What a trial wrote, by the name of the folder: `model`, `pictures` or `folder`."""


def read_study(path: Path) -> Files:
    """A study file with the modules and packages beside it that it imports, and those that they import."""
    found, waiting = dict[str, bytes](), [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(path.parent).as_posix()
        if name not in found:
            found[name] = file.read_bytes()
            waiting += _beside(found[name], path.parent)
    return found


def write_files(files: Files, folder: Path) -> None:
    """Writes files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"a file of a parcel lies in its folder, got {name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def spec_in(spec: TrialSpec, study_path: Path, folder: Path) -> TrialSpec:
    """The spec on a machine where the study lies elsewhere, and where a trial writes into `folder`."""
    return dataclasses.replace(
        spec,
        study_path=str(study_path),
        model_folder=str(folder / "model") if spec.model_folder else None,
        folder=str(folder / "folder") if spec.folder else None,
    )


def collect(spec: TrialSpec) -> Written:
    """What a trial wrote into the folders of its spec."""
    return {name: _read(folder) for name, folder in _folders(spec).items() if folder.is_dir()}


def put_in_place(written: Written, spec: TrialSpec) -> None:
    """Puts what a trial wrote elsewhere into the folders of its spec, in place of what an earlier one left there.

    A folder is there whole or not at all: it is written under another name first.
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
        folders |= {"pictures": pictures_beside(model), "model": model}  # the model last: it says that all is there
    return folders


def _read(folder: Path) -> Files:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _beside(source: bytes, folder: Path) -> Iterator[Path]:
    """The files in a folder that a source imports; of a package, all its modules."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # whoever imports it will say so
        return
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    for top in {name.partition(".")[0] for name in modules}:
        if (folder / f"{top}.py").is_file():
            yield folder / f"{top}.py"
        elif (folder / top / "__init__.py").is_file():
            yield from (folder / top).rglob("*.py")
