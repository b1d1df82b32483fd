"""The feedback for one student of a class, as a document that names no other."""

import math

import numpy as np

from dlstudy.analysis.class_results import SAME_NUMBERS, Board, Graded
from dlstudy.analysis.formatting import difference, interval_text, number, with_sd
from dlstudy.report.blocks import Block, Bullets, Document, Heading, Note, Table
from dlstudy.report.labels import label, many

__all__ = ["feedback_document"]

_FEW_SEEDS = 5
_FEWEST_SHOWN = 5
"""With fewer hand-ins in order, the scores of others would tell who they are of."""


def feedback_document(board: Board, graded: Graded) -> Document:
    """What was checked, the score among the class, what the searches say, and what to try next."""
    blocks: list[Block] = []
    if graded.values is not None:
        standing = _standing(board, graded)
        blocks += [Heading("Where it stands"), standing]
        blocks += [Note(_tie(board, graded))] if graded.place else []
        if graded.looked.claimed:
            blocks += [Heading("What was claimed"), Bullets(_claim(board, graded))]
    blocks += [Heading("What was checked"), Bullets(_checked(graded))]
    if graded.looked.failed_checks or graded.looked.passed_checks:
        blocks += [Heading("What the searches say"), Bullets(_searches(graded))]
    if hints := _hints(graded):
        blocks += [Heading("What to try next"), Bullets(hints)]
    return Document(
        f"{board.study.name} · {graded.name}", f"Feedback for {graded.name}", _answer(board, graded),
        board.study.question, blocks,
    )  # fmt: skip


def _answer(board: Board, graded: Graded) -> str:
    if graded.values is None:
        return f"Your hand-in could not be scored yet: {graded.why}."
    score = difference(graded.score, graded.interval, signed=False)
    return (
        f"Your model reaches {_metric(board)} {score} on {many(board.n_rows, 'row')} that nobody in the class had "
        f"({interval_text(graded.interval, signed=False)} on other rows of this kind)."
    )


def _standing(board: Board, graded: Graded) -> Table:
    scored = [each for each in board.graded if each.place and each.score is not None]
    scores = sorted((each.score for each in scored if each.score is not None), reverse=_sign(board) > 0)
    rows = [["your score", difference(graded.score, graded.interval, signed=False)]]
    rows += [["95 % interval", interval_text(graded.interval, signed=False)]]
    rows += [["your place", f"{graded.place} of {len(scored)}" if graded.place else "none, see what was checked"]]
    if len(scores) >= _FEWEST_SHOWN:
        middle = float(np.median(scores))
        rows += [["best of the class", number(scores[0])], ["middle of the class", number(middle)]]
    if board.baseline and board.baseline.score is not None:
        rows += [["baseline", number(board.baseline.score)]]
    if against := graded.against:
        told = "told apart" if against.is_told else "not told apart"
        text = f"{difference(against.difference, against.interval)} ({interval_text(against.interval)}), {told}"
        rows += [["better than the baseline by", text]]
    return Table("Where it stands", ["", _metric(board)], rows)


def _tie(board: Board, graded: Graded) -> str:
    pairs = [(pair, found) for pair, found in board.contrasts.items() if graded.name in pair]
    n_tied = sum(not found.is_told for _, found in pairs)
    n_behind = sum(found.is_told and pair[0] == graded.name for pair, found in pairs)
    n_ahead = len(pairs) - n_tied - n_behind
    parts = [f"shown to be better than {many(n_behind, 'other')}"] if n_behind else []
    parts += [f"shown to be behind {many(n_ahead, 'other')}"] if n_ahead else []
    parts += [f"not told apart from {many(n_tied, 'other')}, with whom it shares its places"] if n_tied else []
    return f"On these rows your model is {', '.join(parts)}." if parts else "Yours is the only hand-in with a place."


def _claim(board: Board, graded: Graded) -> list[str]:
    claimed = graded.looked.claimed
    assert claimed is not None
    assert graded.score is not None
    assert graded.interval is not None
    found = [
        f"On your own test rows: {with_sd(claimed.mean, claimed.sd)}, over {many(claimed.n, 'seed')}. On rows that you "
        f"never had: {difference(graded.score, graded.interval, signed=False)}."
    ]
    theirs = graded.looked.claimed_interval
    if theirs is None:
        return found
    gained = _sign(board) * (graded.score - claimed.mean)
    luck = math.hypot(*((high - low) / 2 for low, high in (theirs, graded.interval)))
    found.append(f"Your test rows are a sample too: {interval_text(theirs, signed=False)} on other rows of their kind.")
    if abs(gained) <= luck:
        found.append("The two scores differ by no more than the luck of the rows explains: your claim holds.")
    elif gained < 0:
        found.append(
            "The new score is worse by more than the luck of the rows explains. Were choices made by looking at the "
            "test rows? Then these flatter."
        )
    else:
        found.append(
            "The new score is better by more than the luck of the rows explains: the held-out rows are easier."
        )
    return found


def _checked(graded: Graded) -> list[str]:
    if not graded.looked.facts:
        return [f"The file could not be looked at: {graded.why}."]
    found = ["The file is whole, and its record can be read."]
    found += [f"To correct: {each}." for each in graded.deviations]
    if not graded.deviations:
        found.append(
            "Data, split, metric, epochs and budget are those of the assignment, and the code is what was run."
        )
    if again := graded.looked.retrained:
        n_same = sum(text == SAME_NUMBERS for text in again.values())
        found.append(f"{many(len(again), 'replicate')} of your winner trained again: {n_same} gave {SAME_NUMBERS}.")
    found += [f"It was not scored: {graded.why}."] if graded.values is None and graded.why else []
    return found


def _searches(graded: Graded) -> list[str]:
    found = [f"Look at this: {text}." for text in graded.looked.failed_checks]
    return found + [f"Fine: {text}." for text in graded.looked.passed_checks]


def _hints(graded: Graded) -> list[str]:
    known, found = graded.looked, list[str]()
    if graded.deviations:
        found.append(
            "Undo what differs from the assignment, run it again and hand it in once more: it then has a place."
        )
    if graded.values is None and "--files" in graded.why:
        found.append("Pack it again with `dlstudy pack STUDY --files`: the model is then in the file.")
    if any("further out" in text for text in known.failed_checks):
        found.append("The best setting is at the edge of what was tried: widen the range there, and look again.")
    if known.lost:
        lost = " and ".join(f"{n} ended as {how}" for how, n in known.lost.items())
        found.append(f"Of your trainings {lost}: a smaller learning rate or a narrower range may prevent that.")
    if known.optimism is not None and known.claimed and known.claimed.sd and known.optimism > 2 * known.claimed.sd:
        found.append(
            "Your search looked better than fresh seeds confirm: judge settings by their seeds, not by the best."
        )
    if known.claimed and known.claimed.sd and known.claimed.n < _FEW_SEEDS:
        found.append(
            f"Your {many(known.claimed.n, 'seed')} gave scores that vary by {number(known.claimed.sd)} (standard "
            "deviation): with so few, another seed may well give another winner."
        )
    if known.setting:
        found.append(f"Your winner was {known.arm} with {known.setting}: say in a sentence why it may be the best one.")
    return found


def _metric(board: Board) -> str:
    return label(board.study.protocol.test_metric).removeprefix("test ")


def _sign(board: Board) -> int:
    return board.study.protocol.direction.sign
