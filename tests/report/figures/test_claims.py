"""The picture of the answer: what it shows of claims, and what where none was compared."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dlstudy.analysis.crossed import crossed_mean
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import ClaimSummary, Unit, Verdict
from dlstudy.report.figures.claims import MARKS, differences_png, panels
from dlstudy.report.figures.style import WIDTH, pens
from dlstudy.study.claims import ClaimPhase
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study, runs_of, sum_up
from tests.report.figures.test_figures import size_of

HOSTILE = ("$\\cup", "<b>", "x" * 200, "two\nlines", "日本 $a$ \x07", "word " * 200)


@pytest.fixture
def nothing():
    return sum_up(make_study(arms=["a", "b", "c"]), [])


def pair(against="b", differences=(0.01, 0.03), interval=(0.005, 0.035)):
    mean = sum(differences) / len(differences)
    return Pair(against, range(len(differences)), differences, mean, mean, interval)


def claim(text="a is better", verdict=Verdict.SUPPORTED, pairs=None, how="test_accuracy", **changes):
    pairs = [pair()] if pairs is None else pairs
    against = pairs[0].against if pairs else ""
    return ClaimSummary(text, verdict, "test_accuracy", None, ClaimPhase.REPLICATE, against=against, how=how,
                        pairs=pairs, **changes)  # fmt: skip


def panels_of(nothing, *claims):
    return panels(replace(nothing, claims=claims))


def test_a_claim_is_shown_with_its_verdict_differences_mean_and_interval(nothing):
    (panel,) = panels_of(nothing, claim(rope=0.002))
    (entry,) = panel.entries
    (row,) = entry.rows
    assert panel.label == "difference in test accuracy (positive: as claimed)"
    assert (entry.text, entry.verdict, entry.shaded) == ("a is better", Verdict.SUPPORTED, 0.002)
    assert (row.name, row.values, row.mean, row.interval) == ("against b", (0.01, 0.03), 0.02, (0.005, 0.035))
    assert not row.faint


def test_the_interval_on_other_rows_is_shown_too(nothing):
    rows = crossed_mean(np.array([[0.0, 1.0, 0.0], [0.0, 1.0, -1.0]]))
    plain, wider = claim(), claim(pairs=[replace(pair(), rows=rows)])
    (panel,) = panels_of(nothing, wider)
    assert panel.entries[0].rows[0].on_other_rows == rows.interval
    assert panel.entries[0].extent == rows.interval[1]
    pictures = [differences_png(replace(nothing, claims=[shown])) for shown in (plain, wider)]
    assert pictures[0] != pictures[1]


def test_the_pair_that_decides_is_strong_and_others_are_faint(nothing):
    (panel,) = panels_of(nothing, claim(pairs=[pair("b"), pair("c")]))
    assert [(row.name, row.faint) for row in panel.entries[0].rows] == [("against b", False), ("against c", True)]


def test_of_many_pairs_the_one_that_decides_is_shown_and_the_number_said(nothing):
    many = claim(pairs=[pair(name) for name in "bcdefg"])
    (panel,) = panels_of(nothing, replace(many, against="e"))
    assert [row.name for row in panel.entries[0].rows] == ["against e"]
    assert panel.entries[0].text == "a is better (the hardest of the 6 arms it names is shown)"


def test_what_is_compared_has_a_panel_of_its_own(nothing):
    claims = [claim("first"), claim("loss", how="test_loss"), claim("second"), claim("open", Verdict.NOT_RUN, [])]
    shown = panels_of(nothing, *claims)
    assert [[entry.text for entry in panel.entries] for panel in shown] == [["first", "second"], ["loss"]]


def test_differences_of_another_size_have_a_panel_of_their_own(nothing):
    small = pair(differences=(0.0001, 0.0002), interval=None)
    shown = panels_of(nothing, claim("small", pairs=[small]), claim("large"), claim("large too"))
    assert [[entry.text for entry in panel.entries] for panel in shown] == [["large", "large too"], ["small"]]


def test_the_margin_of_equivalence_is_shaded(nothing):
    (panel,) = panels_of(nothing, claim(how="val_loss", margin=0.05))
    assert panel.label == "difference in validation loss (shaded: alike, as claimed)"
    assert panel.entries[0].shaded == 0.05


def test_without_a_claim_that_was_compared_the_winners_are_shown():
    study = make_study()
    summary = sum_up(study, [*runs_of(study, "a", "replicate", [0.9, 0.94]), *runs_of(study, "b", "replicate", [0.8])])
    (panel,) = panels(replace(summary, claims=[claim("open", Verdict.NOT_RUN, [])]))
    rows = panel.entries[0].rows
    assert panel.label == "test accuracy of the winners on fresh seeds"
    assert [(row.name, row.values) for row in rows] == [("a", [0.9, 0.94]), ("b", [0.8])]
    assert rows[0].mean == pytest.approx(0.92)
    assert rows[0].colour == pens(summary)["a"].colour
    size_of(differences_png(summary))


def test_there_is_no_picture_without_a_comparison_or_a_replicate(nothing):
    assert panels(nothing) == []
    assert differences_png(nothing) is None


def test_the_picture_stays_the_same_and_grows_with_the_claims(nothing):
    one = replace(nothing, claims=[claim()])
    many = replace(nothing, claims=[claim(f"claim {i}") for i in range(15)])
    picture = differences_png(one)
    assert differences_png(one) == picture
    assert differences_png(replace(one, variant=Variant(quick=True))) != picture
    assert size_of(picture)[0] == size_of(differences_png(many))[0] == round(150 * WIDTH)
    assert 100 < size_of(picture)[1] < 400 < size_of(differences_png(many))[1] < 2000


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_can_be_drawn(nothing, verdict):
    marker, letter, _ = MARKS[verdict]
    others = [MARKS[other] for other in Verdict if other is not verdict]
    assert marker not in [other for other, _, _ in others], "a mark of its own"
    assert letter not in [other for _, other, _ in others]
    own, measured = claim(verdict=verdict), claim(verdict=verdict, measured=verdict)
    for each in (own, measured, claim(measured=verdict)):
        size_of(differences_png(replace(nothing, claims=[each])))


def test_what_our_runs_say_is_shown_where_the_verdict_is_another(nothing):
    own = claim(verdict=Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS, measured=Verdict.SUPPORTED)
    (panel,) = panels_of(nothing, own)
    assert panel.entries[0].measured is Verdict.SUPPORTED
    heights = [
        size_of(differences_png(replace(nothing, claims=[each])))[1]
        for each in (
            replace(own, measured=None),
            own,
            claim(verdict=Verdict.SUPPORTED, measured=Verdict.SUPPORTED),
            claim(),
        )
    ]
    assert heights[0] < heights[1]  # two lines more
    assert heights[2] == heights[3]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_and_names_of_any_kind_are_drawn(nothing, text):
    hostile = claim(text, pairs=[pair(text), pair("c")], how=f"{text} of test_accuracy")
    assert size_of(differences_png(replace(nothing, claims=[hostile])))[1] < 1000


@pytest.mark.parametrize("differences", [(0.0, 0.0), (1e-300, -1e-300), (1e12, 2e12), (0.5,)])
def test_differences_of_any_size_are_drawn(nothing, differences):
    interval = (differences[0], differences[-1]) if len(differences) > 1 else None
    size_of(differences_png(replace(nothing, claims=[claim(pairs=[pair("b", differences, interval)])])))


def test_a_claim_over_whole_searches_says_so(nothing):
    by_search = replace(nothing, claims=[claim(unit=Unit.SEARCH)])
    assert differences_png(by_search) != differences_png(replace(nothing, claims=[claim()]))


def test_the_key_of_a_picture_that_shows_everything_lies_within_it(nothing, monkeypatch):
    shown = replace(pair(), rows=crossed_mean(np.array([[0.0, 0.1, 0.2], [0.1, 0.3, 0.2]])))
    everything = claim(pairs=[shown], unit=Unit.SEARCH, rope=0.01)
    drawn = []
    monkeypatch.setattr("dlstudy.report.figures.claims.png", lambda draw: drawn.append(draw()) or b"")
    differences_png(replace(nothing, variant=Variant(quick=True), claims=[everything]))
    (figure,) = drawn
    key = figure.texts[0]
    assert all(words in key.get_text() for words in ("QUICK", "one seed or search", "other rows", "does not matter"))
    extent = key.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert extent.x1 <= figure.bbox.x1
    assert extent.y0 >= max(axes.get_window_extent().y1 for axes in figure.axes)
