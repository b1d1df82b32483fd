"""Every error that dlstudy raises.

::

    DlstudyError
    ├── DefinitionError      what the user wrote cannot be run: stop everything, exit code 2
    │   ├── StudyError       a study file, or a study made in code, breaks a rule
    │   ├── UsageError       a command line or an option breaks a rule
    │   └── DataError        a data set is not available, or not what it should be
    ├── RecordError          the record cannot be used: in use by a run, damaged or of another definition; exit code 2
    ├── StoreError           a disk or a database cannot be written or read: exit code 1, and resume later
    └── TrialError           this trial failed: it is recorded with its reason and the study continues
        ├── DivergedError    its loss is no longer a finite number
        └── LostError        its worker died or did not answer; it is tried again

Each message holds the rule, the value received and the remedy, in one line.
"""

import errno
from pathlib import Path

__all__ = [
    "DataError",
    "DefinitionError",
    "DivergedError",
    "DlstudyError",
    "LostError",
    "RecordError",
    "StoreError",
    "StudyError",
    "TrialError",
    "UsageError",
]


class DlstudyError(Exception):
    """The base class of all errors of dlstudy."""


class DefinitionError(DlstudyError):
    """What the user wrote cannot be run."""


class StudyError(DefinitionError):
    """A study breaks a rule."""


class UsageError(DefinitionError):
    """A command line or an option breaks a rule."""


class DataError(DefinitionError):
    """A data set is not available, or not what it should be."""


class RecordError(DlstudyError):
    """The record cannot be used: in use by a run, damaged, or of another definition."""


class StoreError(DlstudyError):
    """A disk or a database cannot be written or read now: full, read-only or unreachable."""

    FULL = (errno.ENOSPC, errno.EDQUOT)

    @classmethod
    def of(cls, error: OSError, where: str | Path) -> "StoreError":
        """The system's error in one line; `where` is named where the system names no file."""
        remedy = "make room there" if error.errno in cls.FULL else "correct that"
        reason = error.strerror or error
        where = error.filename or where
        return cls(f"{where} could not be read or written ({reason}): {remedy}, then run the same command again")

    @classmethod
    def of_storage(cls, reason: str) -> "StoreError":
        """An error of a database in one line."""
        return cls(
            f"the storage that --storage names did not answer or take a result ({reason}): correct that, then run the "
            "same command again"
        )


class TrialError(DlstudyError):
    """One trial failed; its message is the reason that is recorded."""


class DivergedError(TrialError):
    """The loss of a trial is no longer a finite number."""


class LostError(TrialError):
    """The worker of a trial died or did not answer."""
