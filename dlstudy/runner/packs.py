"""A pack: one file with a study, its record, and what it was made from, for a reviewer or an archive.

::

    optimizers.pack.zip
        README.md             what it is, and how it is replayed
        pack.json             version, the study's name, the path of its file in code/, files that it lacks
        code/                 the study file, modules of its own, and the files that it reads
        home/                 a results folder with this study alone
        report.html           of the variant that was packed
        environment.txt, machine.json, changes.diff   of its last run
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.analysis.reading import difference_of, find_variant, summary_of
from dlstudy.common.files import write_files, write_whole
from dlstudy.common.version import __version__
from dlstudy.engines.file_transfer import left_behind, read_study
from dlstudy.errors import RecordError, UsageError
from dlstudy.report.export import export
from dlstudy.report.figures.winner_figures import winner_figures
from dlstudy.runner.housekeeping import copying, done
from dlstudy.runner.snapshot import take_snapshot
from dlstudy.store.copying import record_to_copy
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.store.snapshots import last_snapshot
from dlstudy.study.input_files import path_of
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, ResolvedStudy, resolve

__all__ = ["Pack", "opened", "pack_study"]

_VERSION = 1
_README = """# {study}, a study packed by dlstudy {version}

`dlstudy replay {file}` compares this machine with the one that ran it, trains some of its trials again and says
whether they give the same numbers. `report.html` is its report, `home/` a results folder with all its trials
(`dlstudy report {study} --home home`), `code/` the study file with what it needs, `environment.txt` the packages
that were installed. To replay is to run the code in `code/`: read it first.
"""


@dataclass(frozen=True)
class Pack:
    """A pack that is unpacked in a folder.

    Args:
        study: its name.
        path: of the study file.
        home: its results folder.
        folder: all of it.
        lacking: the files that the study reads and the pack does not have.
    """

    study: str
    path: Path
    home: Home
    folder: Path
    lacking: tuple[str, ...] = ()


def pack_study(
    file: StudyFile, variant: str | None, home: Home, storage: str | None, output: Path, *, with_files: bool
) -> Path:
    """Packs a study with all its variants; returns the path of the file.

    Args:
        file: of the study.
        variant: the one that the report is of; None for the default, or the only one.
        home, storage: where it is kept.
        output: the file to write.
        with_files: whether models and other files of trials come along.

    Raises:
        RecordError: it has no results, or was run with other code than the file has now.
        UsageError: the file cannot be written.
    """
    record = Record.open(home, storage, for_writing=False)
    study = resolve(file, Request(variant=find_variant(record, file.name, variant)))
    if difference := difference_of(study, record):
        raise RecordError(f"a pack would not be of what was run: {difference}")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _put_home(study, home, record if storage else record_to_copy(home), folder / "home", with_files=with_files)
        _put_code(study, record, folder)
        _put_texts(study, record, home, folder, output.name)
        _zip(folder, output)
    return output


@contextmanager
def opened(path: Path) -> Iterator[Pack]:
    """A pack, unpacked for as long as this is active.

    Raises:
        UsageError: the file is no pack, or of a later version.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        try:
            _unzip(path, place)
            about = json.loads((place / "pack.json").read_text())
            version, study, file = int(about["version"]), str(about["study"]), (place / str(about["file"])).resolve()
            lacking = tuple(map(str, about["lacking"]))
            if not file.is_relative_to(place):
                raise ValueError(f"the file {file}")
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
            raise UsageError(f"{path} must be a file that `dlstudy pack` wrote, got {error}: name another") from error
        if version != _VERSION:
            raise UsageError(f"{path} must be of version {_VERSION}, got {version}: install the dlstudy that wrote it")
        yield Pack(study, file, Home.at(place / "home"), place, lacking)


def _unzip(path: Path, folder: Path) -> None:
    """Writes the files of a zip into a folder.

    Raises:
        ValueError: one would be outside of it.
    """
    with zipfile.ZipFile(path) as packed:
        for name in [item.filename for item in packed.infolist() if not item.is_dir()]:
            target = (folder / name).resolve()
            if not target.is_relative_to(folder):
                raise ValueError(f"a file {name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(name) as source, target.open("wb") as written:
                shutil.copyfileobj(source, written)


def _zip(folder: Path, output: Path) -> None:
    new = output.with_name(f"{output.name}.new")
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                packed.write(path, path.relative_to(folder).as_posix())
        new.replace(output)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(f"{output} cannot be written ({error.strerror or error}): choose another --output") from error


def _put_home(study: ResolvedStudy, home: Home, record: Record, folder: Path, *, with_files: bool) -> None:
    packed = Home.at(folder)
    packed.create()
    target = Record.open(packed)
    done("copy", copying(study.name, study.name, record, home, target, packed, with_files=with_files), dry_run=False)


def _put_code(study: ResolvedStudy, record: Record, folder: Path) -> None:
    seen = [name for files in record.files(study.name, study.variant).values() for name in files]
    paths = [path_of(name, study.file.folder) for name in dict.fromkeys([*study.file.inputs, *seen])]
    found = read_study(study.path, paths)
    write_files(found.files, folder / "code")
    lacking = [str(path) for path in left_behind(study.path, paths)]
    about = {"version": _VERSION, "dlstudy": __version__, "study": study.name, "file": f"code/{found.path}"}
    write_whole(folder / "pack.json", json.dumps({**about, "lacking": lacking}, indent=2) + "\n")


def _put_texts(study: ResolvedStudy, record: Record, home: Home, folder: Path, name: str) -> None:
    summary = summary_of(study, record)
    snapshot = last_snapshot(record, study.name, study.variant) or take_snapshot(study.file)
    texts = {text: snapshot.files[text] for text in snapshot.files if not text.startswith("code/")}
    texts["README.md"] = _README.format(study=study.name, version=__version__, file=name)
    texts["report.html"] = export(summary, "html", winner_figures(summary, home))
    for text, content in texts.items():
        write_whole(folder / text, content)
