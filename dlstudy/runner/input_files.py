"""What a run knows of the files that its study reads."""

from collections.abc import Iterable

from dlstudy.errors import RecordError
from dlstudy.study.input_files import digests_of
from dlstudy.study.loader import StudyFile

__all__ = ["InputFiles"]


class InputFiles:
    """The files that a study is known to read, with what was in each when the run came to know it.

    All arms share them, as they share the code of `build`: what one arm reads, a cache may then give to another.
    """

    def __init__(self, file: StudyFile, seen: Iterable[str]) -> None:
        """Reads those that are known: the file's own, and what earlier runs have seen and is still there."""
        self._folder = file.folder
        self._digests: dict[str, str] = {}
        self.add([*file.inputs, *seen])

    @property
    def entry(self) -> dict[str, dict[str, str]]:
        """What a definition says of them."""
        return {"files": self._digests} if self._digests else {}

    def add(self, opened: Iterable[str]) -> bool:
        """Adds files that were opened, by name, where they are here; returns whether any of them is new.

        Raises:
            RecordError: a known one has changed since.
        """
        found = {name: digest for name, digest in digests_of(opened, self._folder).items() if digest}
        for name in sorted(found.keys() & self._digests.keys()):
            if found[name] != self._digests[name]:
                raise RecordError(
                    f"the file {name} changed while the study ran: undo that and run the same command again, or run "
                    "with --fresh to begin a new generation beside the old"
                )
        is_new = bool(found.keys() - self._digests.keys())
        self._digests = dict(sorted((self._digests | found).items()))
        return is_new

    def missing(self, opened: Iterable[str]) -> list[str]:
        """Those that are not on this machine."""
        return [name for name, digest in digests_of(opened, self._folder).items() if not digest]
