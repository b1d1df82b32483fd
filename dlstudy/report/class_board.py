"""The board of a class as a document, as rows of a table, and as JSON."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dlstudy.analysis.class_results import SAME_NUMBERS, Board, Graded
from dlstudy.analysis.formatting import NOTHING, difference, interval_text, number, p_text, with_sd
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.report.blocks import Block, Cell, Document, Heading, Mood, Note, Table, without_empty
from dlstudy.report.labels import label, listed, many

__all__ = ["board_document", "board_json", "board_rows", "board_table", "checks_table"]

_MOST_NAMED = 5
_HOW_TO_READ = (
    "Score: of the winner's model, on the held-out rows; its interval is for other rows of this kind. Place: two share "
    "places unless the rows tell them apart, all pairs tested together (paired row by row, Holm). Claimed: the mean "
    "over seeds on the test rows that the student had. Against claim: by how much the score is better than that."
)


def board_document(board: Board, links: Sequence[str]) -> Document:
    """The board for the teacher: it names everyone.

    Args:
        board: with all hand-ins.
        links: the address of each one's feedback, in the order of the board.
    """
    table = board_table(board)
    linked = [*links, ""] if board.baseline else links
    blocks: list[Block] = [Heading(table.title), replace(table, links=linked)]
    if (against := _against_best(board)).rows:
        blocks += [Heading(against.title), against]
    checks = checks_table(board)
    blocks += [Heading(checks.title), checks]
    every = [*board.graded, *([board.baseline] if board.baseline else [])]
    if unscored := [each for each in every if each.values is None]:
        rows = [[each.name, each.why] for each in unscored]
        blocks += [Heading("Not scored"), Table("Not scored", ["hand-in", "why"], rows)]
    blocks.append(Note("This page names everyone. The pages in feedback/ each name one student alone."))
    return Document(f"{board.study.name} · board", board.study.question, _answer(board), _scope(board), blocks)


def board_table(board: Board) -> Table:
    """Places, scores and claims of all hand-ins."""
    sign = board.study.protocol.direction.sign
    rows = [_row(each, sign) for each in board.graded]
    rows += [_row(board.baseline, sign)] if board.baseline else []
    heads = [
        "hand-in",
        "place",
        "score",
        "95 % interval",
        "claimed",
        "against claim",
        "against baseline",
        "trained again",
        "trainings",
    ]
    return without_empty(Table("Board", heads, rows, _HOW_TO_READ))


def checks_table(board: Board) -> Table:
    """What each hand-in has other than the assignment, and what is remarkable about it."""
    rows = []
    for each in board.graded:
        kept = Cell("yes", Mood.GOOD) if each.looked.facts and not each.deviations else Cell("no", Mood.BAD)
        if not each.looked.facts:
            kept = Cell("not known", Mood.OPEN)
        more = [f"also ran {listed(each.looked.others)}"] if each.looked.others else []
        if not each.is_confirmed:
            more += [f"seed {seed} gave {text}" for seed, text in each.looked.retrained.items() if text != SAME_NUMBERS]
        rows.append(
            [each.name, kept, "; ".join(each.deviations) or NOTHING, "; ".join([*each.remarks, *more]) or NOTHING]
        )
    note = "Who did not keep to the assignment is scored, and has no place."
    return without_empty(Table("Checks", ["hand-in", "kept to the assignment", "what differs", "remarks"], rows, note))


def board_rows(board: Board) -> Table:
    """A row for each hand-in, in numbers that are not rounded, for a spreadsheet."""
    heads = [
        "hand_in", "first_place", "last_place", "score", "low", "high", "claimed", "seeds", "trainings", "arm",
        "setting", "deviations", "not_scored", "remarks",
    ]  # fmt: skip
    rows = []
    for each in board.graded:
        known, claimed = each.looked, each.looked.claimed
        cells = [
            each.name, *((each.place.first, each.place.last) if each.place else ("", "")),
            each.score, *(each.interval or ("", "")), *((claimed.mean, claimed.n) if claimed else ("", "")),
            known.n_trials, known.arm, known.setting, "; ".join(each.deviations), each.why, "; ".join(each.remarks),
        ]  # fmt: skip
        rows.append(["" if cell is None else str(cell) for cell in cells])
    return Table("", heads, rows)


def board_json(board: Board) -> dict[str, Any]:  # Any: JSON
    """All of the board, with the contrast of each pair."""
    study = board.study
    return {
        "assignment": study.name,
        "question": study.question,
        "metric": study.protocol.test_metric,
        "direction": str(study.protocol.direction),
        "n_rows": board.n_rows,
        "hand_ins": [_json_of(each) for each in board.graded],
        "baseline": _json_of(board.baseline) if board.baseline else None,
        "pairs": [
            {"better": better, "worse": worse, **vars(contrast), "told_apart": contrast.is_told}
            for (better, worse), contrast in board.contrasts.items()
        ],
    }


def _json_of(each: Graded) -> dict[str, Any]:  # Any: JSON
    known = each.looked
    return {
        "name": each.name,
        "place": [each.place.first, each.place.last] if each.place else None,
        "score": each.score,
        "interval": each.interval,
        "claimed": vars(known.claimed) if known.claimed else None,
        "arm": known.arm,
        "setting": known.setting,
        "trainings": known.n_trials,
        "other_variants": known.others,
        "deviations": each.deviations,
        "failed_checks": known.failed_checks,
        "not_scored": each.why,
        "remarks": each.remarks,
        "trained_again": {str(seed): text for seed, text in known.retrained.items()},
        "of_models": each.of_models,
        "against_baseline": vars(each.against) if each.against else None,
    }


def _row(each: Graded, sign: int) -> list[str]:
    claimed = each.looked.claimed
    gained = sign * (each.score - claimed.mean) if claimed and each.score is not None else None
    against = each.against
    return [
        each.name,
        str(each.place) if each.place else NOTHING,
        difference(each.score, each.interval, signed=False) if each.score is not None else "not scored",
        interval_text(each.interval, signed=False),
        number(claimed.mean) if claimed else NOTHING,
        difference(gained, each.interval),
        f"{difference(against.difference, against.interval)}, {'told' if against.is_told else 'not told'} apart"
        if against
        else NOTHING,
        _retrained(each),
        str(each.looked.n_trials) if each.looked.n_trials else NOTHING,
    ]


def _retrained(each: Graded) -> str:
    """How many trainings gave the recorded numbers, and how scores vary between them."""
    again = each.looked.retrained
    if not again:
        return NOTHING
    spread = f", scores {with_sd(*mean_and_sd(each.of_models))}" if len(each.of_models) > 1 else ""
    return f"{sum(text == SAME_NUMBERS for text in again.values())} of {len(again)} the same{spread}"


def _against_best(board: Board) -> Table:
    """Each hand-in with a place against the one with the best score."""
    placed = [each.name for each in board.graded if each.place]
    rows = []
    for name in placed[1:]:
        found = board.contrasts[placed[0], name]
        told = Cell("told apart", Mood.GOOD) if found.is_told else Cell("not told apart", Mood.OPEN)
        rows.append([
            name, difference(found.difference, found.interval), interval_text(found.interval),
            p_text(found.p), p_text(found.p_adjusted), told,
        ])  # fmt: skip
    heads = ["hand-in", "behind by", "95 % interval", "p", "adjusted p", "verdict"]
    note = f"Paired row by row. Adjusted for all {many(len(board.contrasts), 'pair')} (Holm). board.json has each pair."
    return Table(f"Behind {placed[0]}" if placed else "", heads, rows, note)


def _answer(board: Board) -> str:
    placed = [each for each in board.graded if each.place]
    if not placed:
        return "No hand-in that keeps to the assignment could be scored."
    first = [each.name for each in placed if each.place and each.place.first == 1]
    if len(placed) == 1:
        return f"{placed[0].name} is the only hand-in with a place."
    if len(first) == 1:
        return f"{first[0]} is shown to be ahead of all others."
    if len(first) == len(placed):
        return f"The held-out rows show none of {many(len(placed), 'hand-in')} to be ahead of all others."
    if len(first) > _MOST_NAMED:
        return (
            f"{len(first)} of {len(placed)} hand-ins may be first: the held-out rows show no other to be ahead of them."
        )
    return f"{listed(first)} may be first: the held-out rows show no other to be ahead of any of them."


def _scope(board: Board) -> str:
    n = len(board.graded)
    scored = sum(each.values is not None for each in board.graded)
    metric, way = label(board.study.protocol.test_metric), board.study.protocol.direction.value
    return (
        f"{many(n, 'hand-in')}, {scored} scored on {many(board.n_rows, 'row')} that students did not have; "
        f"{metric.removeprefix('test ')}, {'more' if way == 'maximize' else 'less'} is better. Places are those of the "
        "models that were handed in."
    )
