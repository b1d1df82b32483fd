"""Seeds: hashes of a trial's identity, independent of when and where it runs."""

import hashlib
from collections.abc import Sequence

from dlstudy.study.arm import Arm
from dlstudy.study.phases import Phase

__all__ = ["number_of", "seed_of", "stream_of"]


def number_of(*words: object) -> int:
    """A number in [0, 2^31) that depends on these words alone."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, words)).encode()).digest()[:4], "big") >> 1


def stream_of(arm: Arm, search: int, replication: int = 1) -> tuple[str, ...]:
    """Words that give a search its own random draws: none for the first one, where all arms share their draws.

    The copy in an A/A test shares none: on the same seeds it would not differ from its original at all.
    """
    words = [f"replication {replication}"] if replication > 1 else []
    words += [f"search {search}"] if search > 1 else []
    words += [f"control of {arm.copy_of}"] if arm.copy_of else []
    return tuple(words)


def seed_of(study: str, phase: Phase, index: int, stream: Sequence[str] = ()) -> int:
    """The seed of a trial, in [0, 2^31): the same for every arm, whatever happened before."""
    return number_of(study, phase.seed_word, index, *stream)
