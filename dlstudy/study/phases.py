"""The terms shared by a study, its trials and its record: phases, directions, and when test rows are read."""

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["Direction", "Phase", "ReadTest"]


class Phase(StrEnum):
    """The purpose of a trial.

    ::

        reported   the document's own setting     ┐
        defaults   the library's own setting      ├ stated in advance, trained on several seeds
        sweep      each point of a stated grid    ┘
        search     settings of the space, one seed each ──► replicate   the search's winner on fresh seeds
    """

    REPORTED = "reported"
    DEFAULTS = "defaults"
    SEARCH = "search"
    REPLICATE = "replicate"
    SWEEP = "sweep"

    @property
    def reads_test(self) -> bool:
        """Whether its trials are judged on test rows, once, at their end. A search and a sweep never see them."""
        return self not in (Phase.SEARCH, Phase.SWEEP)

    @property
    def is_repeated(self) -> bool:
        """Whether every further search of an arm has this phase too, as a verdict on methods needs."""
        return self in (Phase.SEARCH, Phase.REPLICATE, Phase.DEFAULTS)

    @property
    def seed_word(self) -> str:
        """The word that seeds are hashed from.

        Runs at the library's defaults have the seeds of the replicates: what tuning gains is then a paired difference.
        The word of the reported phase is that of its earlier name, so that its numbers stay.
        """
        return {Phase.DEFAULTS: "replicate", Phase.REPORTED: "printed"}.get(self, self.value)


class Direction(StrEnum):
    """The direction in which a metric gets better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self is Direction.MAXIMIZE else -1

    def best(self, values: Iterable[float]) -> float:
        """The best of some values, at least one."""
        return max(values) if self is Direction.MAXIMIZE else min(values)

    def worst(self, values: Iterable[float]) -> float:
        """The worst of some values, at least one."""
        return min(values) if self is Direction.MAXIMIZE else max(values)


class ReadTest(StrEnum):
    """When a trial reads the test rows."""

    NEVER = "never"
    AT_END = "at the end"
    EACH_EPOCH = "after each epoch"
    """In place of validation rows, as a document may have done."""
