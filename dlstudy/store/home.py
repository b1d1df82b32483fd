"""The results folder, where all results are kept, and the locks of the runs that write to it."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from dlstudy.common.text import short_repr
from dlstudy.common.version import __version__
from dlstudy.errors import RecordError, StoreError, UsageError
from dlstudy.store.databases import Database
from dlstudy.store.locks import DatabaseLock, FileLock, Lock
from dlstudy.study.trial import TrialRecord, TrialSpec, params_key
from dlstudy.study.variant import Variant

__all__ = ["Home"]

_VERSION = 2
"""The version of the folder's layout and of its record's meaning; a folder without a mark has version 1."""
_NO_PATH = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff?]|%[0-9A-Fa-f]{2}")
"""Characters that break a line, are not text, or have another meaning in the URL of MLflow's store."""


@dataclass(frozen=True)
class Home:
    """The folder `mlruns/`, or another. Making this object touches no file.

    Args:
        root: the folder, absolute.
    """

    root: Path

    @classmethod
    def at(cls, path: str | Path | None = None) -> "Home":
        """The results folder at that path, else at `DLSTUDY_HOME`, else `mlruns` in the current folder. Writes nothing.

        Raises:
            UsageError: the path cannot be used for a results folder.
            RecordError: a later version of dlstudy made it.
        """
        chosen = Path(path or os.environ.get("DLSTUDY_HOME") or "mlruns")
        try:
            root = chosen.expanduser().resolve()
            root.exists()  # raises for an unusable path: a name too long, a folder without permission
        except (RuntimeError, OSError, ValueError) as error:  # an unknown user's home, a loop of links, a null byte
            raise UsageError(
                f"cannot use {short_repr(str(chosen))} as the results folder ({error}): choose another with --home"
            ) from error
        if _NO_PATH.search(str(root)):
            raise UsageError(
                "the path of a results folder must not contain line breaks, control characters, bytes that are no "
                f"text, ? or %XX, got {str(root)!r}: choose another with --home"
            )
        home = cls(root)
        home._refuse_later_version()
        return home

    @property
    def is_usual(self) -> bool:
        """Whether a command that names no home would use this one."""
        try:
            return self.root == Home.at().root
        except (UsageError, RecordError):
            return False

    @property
    def mark(self) -> Path:
        """The file with the version of this results folder and of the dlstudy that made it."""
        return self.root / "version.json"

    @property
    def journal(self) -> Path:
        """Optuna's journal: the record, unless it is in a database."""
        return self.root / "optuna.journal"

    @property
    def studies(self) -> Path:
        """The studies that were made in Python and run: see `dlstudy.study.archive`."""
        return self.root / "studies"

    @property
    def mlflow_db(self) -> Path:
        """MLflow's store."""
        return self.root / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts of runs: models, figures, reports."""
        return self.root / "artifacts"

    def model(self, study: str, variant: Variant, arm: str, key: str) -> Path:
        """Where the winner of an arm is saved; `key` names its parameters."""
        return self.root / "models" / study / str(variant) / f"{arm}-{key}"

    def of_study(self, study: str) -> list[Path]:
        """The folders of a study that have one for each of its variants, those that there are."""
        return [folder for name in ("files", "models") if (folder := self.root / name / study).is_dir()]

    @property
    def files(self) -> Path:
        """Other files of trials: what they printed, TensorBoard's logs, artifacts, what their code logged to MLflow."""
        return self.root / "files"

    def trial_files(self, study: str, variant: str, trial: TrialSpec | TrialRecord) -> Path:
        """Where a study's code may write in a trial; later tries of the same training have the same folder."""
        phase = trial.phase if trial.search == 1 else f"{trial.phase}-{trial.search}"
        return self.files / study / variant / trial.arm / f"{phase}-{trial.index}-{params_key(trial.params)}"

    def checkpoint(self, study: str, variant: str, trial: TrialSpec | TrialRecord) -> Path:
        """The file of a trial's checkpoint, beside `trial_files`."""
        folder = self.trial_files(study, variant, trial)
        return folder.with_name(f"{folder.name}.checkpoint")

    def drop_empty_files(self, study: str) -> None:
        """Removes the folders of arms whose trials left no files. Call it while no trial trains."""
        of_study = self.files / study
        for folder in (*of_study.glob("*/*"), *of_study.glob("*"), of_study):
            with suppress(OSError):  # it has files, or is none
                folder.rmdir()

    def run_state(self, study: str) -> Path:
        """The file that says how far a run of a study is, while one goes on."""
        return self.root / "running" / f"{study}.json"

    def reports(self, study: str) -> Path:
        """The last exported reports of a study."""
        return self.root / "reports" / study

    def create(self) -> None:
        """Makes the folder, and marks it with its version.

        Raises:
            UsageError: it cannot be made or written to.
            StoreError: its disk is full.
        """
        probe = self.root / f".probe-{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_text(json.dumps({"version": _VERSION, "dlstudy": __version__}) + "\n")
            if self.is_current:
                probe.unlink()
            else:  # a new home, or one that an earlier version may not write to any more
                probe.replace(self.mark)
        except OSError as error:
            if error.errno in StoreError.FULL:
                probe.unlink(missing_ok=True)
                raise StoreError.of(error, self.root) from error
            reason = error.strerror or error
            raise UsageError(
                f"the results folder {self.root} cannot be written to ({reason}): choose another with --home"
            ) from error

    @property
    def version(self) -> int | None:
        """The version in its mark; None without a mark: the folder is new, or older than marks.

        Raises:
            RecordError: the mark is not valid.
            StoreError: it cannot be read.
        """
        mark = self._read_mark()
        return None if mark is None else mark[0]

    @property
    def is_current(self) -> bool:
        """Whether its mark is of this version; not for one that is new or that an earlier version made."""
        return self.version == _VERSION

    def _refuse_later_version(self) -> None:
        version, maker = self._read_mark() or (_VERSION, "")
        if version > _VERSION:
            raise RecordError(
                f"the results folder {self.root} must be of version {_VERSION} or earlier, got {version}, made by "
                f"dlstudy {maker[:30]!r} (this is {__version__}): install that one, or choose another with --home"
            )

    def _read_mark(self) -> tuple[int, str] | None:
        """The version, and which dlstudy wrote it."""
        try:
            text = self.mark.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError.of(error, self.root) from error
        try:
            mark = json.loads(text)
            return int(mark["version"]), str(mark.get("dlstudy", "unknown"))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordError(
                f"{self.mark} must say the version of the results folder, got {text[:60]!r}: restore it, or remove "
                f"it if no later dlstudy than {__version__} wrote to this folder"
            ) from error

    @contextmanager
    def held(self, study: str, storage: str | None = None) -> Iterator[Lock]:
        """Holds a study's record, and this folder with its models and reports; yields the lock of the record.

        Raises:
            RecordError: a run of the study goes on, or the URL is not valid.
        """
        here, record = self.lock(study), self.lock(study, storage)
        with here.held(), nullcontext() if storage is None else record.held():
            yield record

    def lock(self, study: str, storage: str | None = None) -> Lock:
        """The lock of the one run of a study that may write here, or to the database at that URL.

        Raises:
            RecordError: the URL is not valid.
        """
        if storage is None:
            return FileLock(study, self.root / "locks" / f"{study}.lock")
        database = Database.at(storage)
        if database is not None:
            return DatabaseLock(study, database)
        from sqlalchemy.engine import make_url

        file = Path(make_url(storage).database or self.root / "memory").resolve()
        return FileLock(study, file.with_name(f"{file.name}.locks") / f"{study}.lock")
