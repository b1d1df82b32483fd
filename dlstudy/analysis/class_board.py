"""The board of a class: who has which place, and which hand-ins are alike. Pure functions."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dlstudy.analysis.class_results import Board, Graded
from dlstudy.analysis.places import contrasts_with, places
from dlstudy.study.request import ResolvedStudy

__all__ = ["ranked", "with_copies"]


def ranked(graded: Sequence[Graded], baseline: Graded | None, study: ResolvedStudy, n_rows: int) -> Board:
    """The board of hand-ins that have been scored: places for those that keep to the assignment."""
    sign = study.protocol.direction.sign
    values = {each.name: each.values for each in graded if each.values is not None}
    in_order = {each.name: values[each.name] for each in graded if each.name in values and not each.deviations}
    ranks, contrasts = places(in_order, sign)
    against = {} if baseline is None or baseline.values is None else contrasts_with(values, baseline.values, sign)
    placed = [dataclasses.replace(each, place=ranks.get(each.name), against=against.get(each.name)) for each in graded]
    placed.sort(key=lambda each: (each.place is None, each.score is None, -sign * (each.score or 0.0), each.name))
    return Board(study, n_rows, placed, contrasts, baseline)


def with_copies(graded: Sequence[Graded], digests: Sequence[str], assigned: str) -> list[Graded]:
    """The hand-ins with remarks on those that are alike.

    Args:
        graded: the hand-ins.
        digests: of their files.
        assigned: `Looked.code` of the assignment, which some may have handed in as it was.
    """
    found = []
    for each, digest in zip(graded, digests, strict=True):
        others = [(other, known) for other, known in zip(graded, digests, strict=True) if other is not each]
        remarks = ["the code is the assignment's, as it was given out"] if each.looked.code == assigned else []
        for other, known in others:
            if known == digest:
                remarks.append(f"the same file as {other.name}'s")
            elif each.looked.code and each.looked.code == other.looked.code != assigned:
                remarks.append(f"the same code as {other.name}'s, but for names and comments")
            elif _same_predictions(each, other) and each.looked.code != assigned:
                remarks.append(f"predicts exactly what {other.name}'s does, from other code")
        found.append(dataclasses.replace(each, remarks=remarks))
    return found


def _same_predictions(one: Graded, other: Graded) -> bool:
    """Whether they give the same numbers; labels alone may agree by chance."""
    if not one.looked.predicted or not other.looked.predicted:
        return False
    ours, theirs = one.looked.predicted[0], other.looked.predicted[0]
    kinds = {"probabilities", "values"} & set(ours) & set(theirs)
    return bool(kinds) and all(np.array_equal(ours[kind], theirs[kind]) for kind in kinds)
