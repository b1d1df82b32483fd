"""Takes the snapshot of what a run is made from."""

from dlstudy.common.provenance import git_changes, hardware, number_settings, packages
from dlstudy.engines.file_transfer import read_study
from dlstudy.store.snapshots import Snapshot
from dlstudy.study.archive import SUFFIX, read_archive
from dlstudy.study.loader import StudyFile

__all__ = ["take_snapshot"]

_MOST_OF_A_FILE = 100_000  # bytes


def take_snapshot(file: StudyFile) -> Snapshot:
    """What a run of a study that began now would be made from."""
    code = {
        name: content.decode(errors="replace")
        for name, content in sorted(read_study(file.path).files.items())
        if name.endswith(".py") and len(content) <= _MOST_OF_A_FILE
    }
    if file.path.suffix == SUFFIX:
        code[f"{file.name}.py"] = read_archive(file.path, with_pickle=False).source
    return Snapshot(packages(), number_settings(), hardware(), code, git_changes(file.folder))
