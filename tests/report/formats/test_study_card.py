"""The card of a study: one picture, whatever the study says."""

from dataclasses import replace

import pytest

from dlstudy.report.export import export, format_of
from dlstudy.report.formats.study_card import study_card
from tests.helpers.builders import make_study, runs_of, sum_up
from tests.helpers.hostile import EVIL, hostile_summary


@pytest.fixture(scope="module")
def summary():
    return hostile_summary()


def size_of(png):
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_a_card_is_one_picture_16_to_9(summary):
    assert size_of(export(summary, "card")) == (1440, 810)
    drawn = export(summary, "svg")
    assert drawn.startswith(b"<svg")
    assert b'viewBox="0 0 720 405"' in drawn
    assert export(summary, "svg") == drawn


def test_a_card_has_room_for_long_texts_and_many_claims(summary):
    long = " ".join(["very long words"] * 60)
    (claim,) = [claim for claim in summary.claims if claim.pairs]
    many = [replace(claim, text=f"{i} {long}", why=long) for i in range(9)]
    crowded = replace(summary, question=f"{long}?", answer=f"{long} {EVIL}", claims=many)
    assert size_of(study_card(crowded, "png")) == (1440, 810)


def test_without_claims_the_card_lists_the_arms_by_their_result():
    study = make_study()
    assert size_of(study_card(sum_up(study, runs_of(study, "a", "replicate", [0.9, 0.92])), "png")) == (1440, 810)
    assert size_of(study_card(sum_up(study, []), "png")) == (1440, 810)


def test_a_suffix_names_a_format(tmp_path):
    assert [format_of(tmp_path / name) for name in ("a.png", "a.svg", "a.HTML", "a.card", "a", "a.docx")] == [
        "card", "svg", "html", "card", None, None,
    ]  # fmt: skip
