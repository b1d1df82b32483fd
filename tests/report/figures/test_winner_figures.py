"""The figures that a study drew of its winners, and their place in the report."""

import base64
import re

import pytest

from dlstudy.report.export import export
from dlstudy.report.figures.winner_figures import WinnerFigure, winner_figures
from dlstudy.report.formats.html import html_page
from dlstudy.report.outline import document
from dlstudy.store.home import Home
from dlstudy.study.trial import figures_beside
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study, make_trial, runs_of, sum_up


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path / "my runs")


@pytest.fixture
def summary():
    study = make_study()
    return sum_up(study, [trial for arm in "ab" for trial in runs_of(study, arm, "replicate", [0.9, 0.91])])


def draw(home, summary, arm, title, content=b"\x89PNG one"):
    """A figure beside the model of an arm's winner."""
    folder = figures_beside(home.model("s", summary.variant, arm, winner_of(summary, arm)))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{title}.png"
    path.write_bytes(content)
    return path


def winner_of(summary, arm):
    (found,) = [item.best.setting_key for item in summary.arms if item.name == arm]
    return found


def test_figures_come_in_the_order_of_the_arms_and_of_their_titles(home, summary):
    second = draw(home, summary, "b", "weights", b"3")
    last, first = draw(home, summary, "a", "weights (0)", b"2"), draw(home, summary, "a", "faces", b"1")
    assert winner_figures(summary, home) == [
        WinnerFigure("a", "faces", first), WinnerFigure("a", "weights (0)", last), WinnerFigure("b", "weights", second),
    ]  # fmt: skip


def test_a_figure_that_is_the_same_for_all_arms_is_shown_once(home, summary):
    for arm in "ab":
        draw(home, summary, arm, "data")
    assert [(figure.arm, figure.title) for figure in winner_figures(summary, home)] == [("a", "data")]


def test_figures_of_earlier_winners_and_other_files_are_left_out(home, summary):
    path = draw(home, summary, "a", "now", b"1")
    (path.parent / "notes.txt").write_text("x")
    older = figures_beside(home.model("s", Variant(), "a", "0" * 12))
    older.mkdir()
    (older / "before.png").write_bytes(b"2")
    assert [figure.title for figure in winner_figures(summary, home)] == ["now"]


def test_arms_without_a_winner_or_a_figure_have_none(home):
    study = make_study()
    assert winner_figures(sum_up(study, []), home) == []
    assert winner_figures(sum_up(study, [make_trial(study, "a", "search", value=0.5)]), home) == []


def test_the_page_holds_each_figure_whole_with_its_title_escaped(tmp_path, summary):
    content = bytes(range(256))
    path = tmp_path / "x.png"
    path.write_bytes(content)
    title = "Weights <script>alert(\"1\")</script> & 'more'"
    page = html_page(document(summary, {}, [WinnerFigure("<a>", title, path)]))
    assert ">Pictures of the winners (first seed)</h2>" in page
    assert "<script" not in page
    (found,) = re.findall(r'<figure class="small"><img alt="([^"]*)" src="data:image/png;base64,([^"]*)">', page)
    assert base64.b64decode(found[1]) == content
    escaped = "&lt;a&gt;: Weights &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;more&#x27;"
    assert found[0] == escaped
    assert f"<figcaption>{escaped}</figcaption>" in page
    assert "Pictures of the winners" not in html_page(document(summary, {}))


def test_text_alone_names_figures(home, summary):
    draw(home, summary, "a", "faces")
    assert "*Picture: a: faces*" in export(summary, "md", winner_figures(summary, home))
    for kind in ("csv", "json"):
        assert export(summary, kind, winner_figures(summary, home)) == export(summary, kind)
