"""Grades the hand-ins of a class: each is checked and scored on rows that no student had, and all are compared."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlstudy.analysis.class_board import ranked, with_copies
from dlstudy.analysis.class_results import Board, Graded, Looked
from dlstudy.analysis.places import score_interval
from dlstudy.common.processes import ask_in_time, end_asked
from dlstudy.common.text import describe_error, message_of
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DlstudyError, RecordError, UsageError
from dlstudy.runner.hand_ins import HandIn, deviations, facts_of
from dlstudy.runner.judging import judge
from dlstudy.runner.looking import Asked, code_digest, look_at
from dlstudy.runner.packs import Pack, opened
from dlstudy.study.request import ResolvedStudy

__all__ = ["Rules", "grade"]


@dataclass(frozen=True)
class Rules:
    """How hand-ins are graded.

    Args:
        study: the assignment.
        x, y: the held-out rows with their targets.
        free: names of `hand_ins.FIXED` that students may choose.
        retrain: how many replicates of each winner to train again; 0 takes the models in the packs.
        timeout_s: the most time for one hand-in.
        workers: how many are looked at at once.
    """

    study: ResolvedStudy
    x: Structure
    y: np.ndarray
    free: Collection[str] = ()
    retrain: int = 0
    timeout_s: float = 600.0
    workers: int = 1


def grade(hand_ins: Sequence[HandIn], baseline: HandIn | None, rules: Rules, say: Callable[[str], None]) -> Board:
    """Grades hand-ins. Their code is run, each in a process of its own.

    Args:
        hand_ins: of the students.
        baseline: another one, which has no place.
        rules: how.
        say: gets a line for each that has been looked at.
    """
    every = [*hand_ins, *([baseline] if baseline else [])]
    looked = []
    for hand_in, graded in zip(every, _graded(every, rules), strict=True):
        say(f"{hand_in.name}: {graded.why or 'scored'}")
        looked.append(graded)
    theirs = with_copies(looked[: len(hand_ins)], [_digest(each.path) for each in hand_ins], code_digest(rules.study))
    return ranked(theirs, looked[-1] if baseline else None, rules.study, len(rules.y))


def _graded(every: Sequence[HandIn], rules: Rules) -> Iterator[Graded]:
    pool = ThreadPoolExecutor(rules.workers)
    try:
        yield from pool.map(lambda each: _graded_alone(each, rules), every)
    except BaseException:  # Ctrl-C does not reach the groups of processes
        pool.shutdown(wait=False, cancel_futures=True)
        end_asked()
        raise
    finally:
        pool.shutdown()


def _graded_alone(hand_in: HandIn, rules: Rules) -> Graded:
    looked, why, of_models = Looked(), "", list[np.ndarray]()
    assigned = facts_of(rules.study)
    try:
        with _opened(hand_in.path) as pack:
            data = "" if "data" in rules.free else assigned["data"]
            asked = Asked(pack.path, pack.home.root, rules.study.dataset, data, rules.x, rules.retrain)
            looked = ask_in_time(look_at, asked, timeout_s=rules.timeout_s)
        why = looked.why
        of_models = [judge(rules.study, rules.y, each) for each in looked.predicted]
    except Exception as error:  # what its code hands back may be anything; the others are graded all the same
        why, of_models = message_of(error) if isinstance(error, DlstudyError) else describe_error(error), []
    found = deviations(assigned, looked.facts, rules.free) if looked.facts else []
    if looked.differs:
        found.append(f"the code in the pack is not what was run: {looked.differs}")
    if looked.facts and not looked.is_complete:
        found.append("not every training that it asks for was made")
    values = np.mean(of_models, axis=0) if of_models else None
    interval = None if values is None else score_interval(values)
    scores = [float(each.mean()) for each in of_models]
    return Graded(hand_in.name, looked, found, values, scores, why, interval)


@contextmanager
def _opened(path: Path) -> Iterator[Pack]:
    with ExitStack() as stack:
        try:
            pack = stack.enter_context(opened(path))
        except UsageError as error:
            reason = message_of(error).rpartition(", got ")[2].partition(": name another")[0]
            raise UsageError(f"the file is no whole pack of `dlstudy pack` ({reason})") from error
        if pack.lacking:
            raise RecordError(f"its code reads {Path(pack.lacking[0]).name}, which is not in the pack")
        yield pack


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(path)
