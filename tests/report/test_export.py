"""The report as a document, as HTML, Markdown and JSON, and as files: no text passes for markup."""

import base64
import hashlib
import itertools
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json

from dlstudy.analysis.cost_results import BudgetCurve
from dlstudy.analysis.results import Check
from dlstudy.analysis.summary import protocol_json
from dlstudy.common.files import write_whole
from dlstudy.errors import UsageError
from dlstudy.report import export as exporting
from dlstudy.report.blocks import Bullets, Code, Document, Heading, Note, Picture, Table
from dlstudy.report.export import FORMATS, as_json, export, export_all
from dlstudy.report.figures.winner_figures import WinnerFigure
from dlstudy.report.formats.html import html_page
from dlstudy.report.formats.markdown import markdown
from dlstudy.report.outline import document
from dlstudy.report.tables.reproduction import command, making_table
from dlstudy.study.claims import Claim
from dlstudy.study.trial import TrainedBy
from dlstudy.study.variant import Variant
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up
from tests.helpers.hostile import EVIL, METRIC, NAN, hostile_summary

PNG = b"\x89PNG\r\n\x1a\n..."
FIGURES = {name: PNG + name.encode() for name in ("differences", "curves", "budget", "slices", "importance")}
TAGS = (
    "html head meta title style body main h1 h2 h3 p div table thead tbody tr th td span figure figcaption img ul li "
    "pre code a section article details summary svg g line circle rect text"
)
ATTRIBUTES = (
    "lang charset http-equiv name content class alt src href aria-label aria-hidden scope data-head role tabindex "
    "viewbox xmlns x y x1 y1 x2 y2 cx cy r width height stroke stroke-width opacity font-size text-anchor"
)
KEYS = (
    "schema study variant question answer quick complete n_failed arms reported derived sweeps claims trials protocol "
    "notes remarks made_with scope checks budget_curves crossings costs pairing aa_tests ranking plan looks_s "
    "elsewhere origin"
)
TRIAL_KEYS = "phase arm search number index seed params state reason metrics cost slot trained_by remarks run_id"


@pytest.fixture(scope="module")
def summary():
    return hostile_summary()


@pytest.fixture
def drawn(monkeypatch):
    """Figures that cost nothing; how often they were drawn."""
    calls = []

    def draw(summary):
        calls.append(summary.study)
        return FIGURES

    monkeypatch.setattr(exporting, "draw", draw)
    return calls


class Reader(HTMLParser):
    """Collects the tags of a page, and its text with a space between elements."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.values, self.text = [], [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.values += [value for _, value in attrs]

    def handle_data(self, data):
        self.text += f"{data} "


def page_of(summary, figures=None):
    return html_page(document(summary, FIGURES if figures is None else figures))


def command_of(summary):
    return command(summary.study, summary.origin, summary.variant, summary.protocol)


def headings(made):
    return [(block.level, block.text) for block in made.blocks if isinstance(block, Heading)]


def unescaped(text, letter):
    return len(re.findall(rf"(?<!\\)(?:\\\\)*{re.escape(letter)}", text))


def test_a_report_begins_with_the_answer_and_ends_with_how_to_make_it_again(summary):
    made = document(
        replace(summary, budget_curves=[BudgetCurve("a", "best so far", 1, [0.8, 0.9], seconds=[1, 2])]), FIGURES
    )
    assert (made.name, made.title, made.answer) == ("s · default", f"Is it {EVIL}?", f"The answer: {EVIL}.")
    assert made.scope == f"On {EVIL}"
    assert made.blocks[0] == Note(EVIL)
    assert [card.text for card in made.blocks[1].cards] == [EVIL]
    assert headings(made) == [
        (2, "Arms, each tuned on its own"), (2, "Reported figures"), (2, "Claims"),
        (3, "Each comparison"), (2, "Checks on the searches"), (2, "Budget"),
        (3, "Best validation accuracy by number of trials"), (2, "Cost beside quality"), (2, "Training curves"),
        (2, "What each parameter does"), (2, "Which parameters matter"), (2, "Failures"), (2, "Remarks"),
        (2, "What paired runs share"), (2, "How it was made"), (2, "How to repeat it"),
    ]  # fmt: skip
    assert made.blocks[-1] == Code(command_of(summary))
    sections = [block for block in made.blocks if isinstance(block, Heading) and block.level == 2]
    unfolded = [section.text for section in sections if not section.folded]
    assert unfolded == [
        "Arms, each tuned on its own", "Reported figures", "Checks on the searches", "How to repeat it",
    ]  # fmt: skip


@pytest.mark.parametrize("passed", [True, False])
def test_checks_are_folded_away_where_all_passed(summary, passed):
    made = document(replace(summary, checks=[Check("a", "bracket", passed, "why")]), FIGURES)
    (heading,) = [block for block in made.blocks if isinstance(block, Heading) and block.text.startswith("Checks")]
    assert heading.folded == passed


def test_a_study_that_was_made_in_python_has_no_file_to_run(summary):
    made = document(replace(summary, origin="It is kept there."), FIGURES)
    assert made.blocks[-2:] == [Code(command_of(replace(summary, origin="It"))), Bullets(["It is kept there."])]
    assert made.blocks[-2].text.startswith("dlstudy run s --")


def test_a_report_of_nothing_has_no_empty_section():
    made = document(sum_up(make_study(), []), {})
    assert headings(made)[0] == (2, "Arms, each tuned on its own")
    assert headings(made)[-2:] == [(2, "How it was made"), (2, "How to repeat it")]
    assert all(block.rows for block in made.blocks if isinstance(block, Table))
    assert document(sum_up(make_study(), []), None).blocks == made.blocks


def test_each_picture_says_in_words_what_it_shows(summary):
    tried = replace(summary, budget_curves=[BudgetCurve("a", "best so far", 1, [0.8, 0.9], seconds=[1, 2])])
    shown = [block for block in document(tried, None).blocks if isinstance(block, Picture)]
    assert [block.alt for block in shown] == [
        f"Paired differences with their means and intervals, for each claim. {EVIL}: +0.0200 against b (95 % interval "
        "+0.0190 to +0.0210), supported.",
        "Best validation accuracy against trials tried, and against seconds of a slot: a 0.9000 after 2 trials.",
        "Validation accuracy and validation loss by epoch of the winners of a and b: mean and range over seeds, as far "
        "as half of the runs got.",
        "Validation accuracy of every search trial against rate and kind.",
    ]
    assert {picture.image for picture in shown} == {b""}
    drawn = [block.alt for block in document(tried, FIGURES).blocks if isinstance(block, Picture)]
    assert drawn == [*[block.alt for block in shown[1:]], "Which parameters matter"]  # cards in place of the first


def test_without_claims_the_picture_is_of_the_arms():
    study = make_study()
    made = document(sum_up(study, runs_of(study, "a", "replicate", [0.9, 0.92])), None)
    assert made.blocks[1].alt == "Test accuracy of each arm over its seeds: a 0.910 ± 0.014."


def test_figures_of_winners_are_side_by_side(summary, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(PNG)
    winner = WinnerFigure("a", EVIL, path)
    made = document(summary, {}, [winner])
    assert Picture(f"a: {EVIL}", f"a: {EVIL}", PNG, wide=False) in made.blocks
    assert (2, "Pictures of the winners (first seed)") in headings(made)
    page = html_page(made)
    assert '<figure class="small">' in page
    (found,) = re.findall(r'src="data:image/png;base64,([^"]*)">', page)
    assert base64.b64decode(found) == PNG


def test_how_it_was_made_by_hand():
    study = make_study()
    runs = [
        make_trial(study, "a", "search", 0, value=0.5, started_s=0.0, ended_s=3600.0),
        make_trial(
            study,
            "a",
            "replicate",
            0,
            started_s=3600.0,
            ended_s=5400.0,
            slot="cpu:1",
            trained_by=TrainedBy.FIT,
            remarks=["the study has callbacks", "the model could not be saved"],
        ),
        make_trial(study, "b", "search", 0, result=None, ended_s=None),
    ]
    rows = dict(making_table(replace(sum_up(study, runs), made_with={"keras": "3.15"})).rows)
    assert rows["seeds of replicates"] == str(runs[1].seed)
    assert (rows["slots"], rows["trained as"]) == ("cpu:0, cpu:1", "epoch graph, fit")
    assert rows["remarks of trainings"] == "the model could not be saved; the study has callbacks"
    assert rows["trainings"] == "2: 1 search, 1 replicate"
    assert rows["from first to last"] == "1970-01-01 00:00 UTC to 1970-01-01 01:30 UTC (1 h 30 min)"
    assert rows["slot time"] == "1.5 slot-hours for 2 trainings"
    assert rows["space of a"] == "rate 0.0 to 1.0"
    assert (rows["keras"], rows["variant"], rows["batch size"]) == ("3.15", "default", "32")


@pytest.mark.parametrize(
    ("distribution", "text"),
    [
        (FloatDistribution(0.0001, 0.1, log=True), "0.0001 to 0.1 on a log scale"),
        (IntDistribution(1, 20), "1 to 20"),
        (IntDistribution(16, 256, step=16), "16 to 256 in steps of 16"),
        (CategoricalDistribution(["a", "b"]), "one of a, b"),
    ],
)
def test_a_space_is_a_range(distribution, text):
    summary = sum_up(make_study(), [])
    protocol = {**summary.protocol, "spaces": {"a": {"x": json.loads(distribution_to_json(distribution))}}}
    assert dict(making_table(replace(summary, protocol=protocol)).rows)["space of a"] == f"x {text}"


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("default", ""),
        ("default~2", ""),
        ("quick", "--quick "),
        ("aa-test=3+replication=2", "--aa-test 3 --replication 2 "),
        ("quick+dataset=digits+epochs=3+sampler=tpe+pruner=median+aa-test~4",
         "--quick --dataset digits --epochs 3 --sampler tpe --pruner median --aa-test "),
    ],
)  # fmt: skip
def test_a_report_says_what_to_type_to_make_it_again(variant, options):
    summary = sum_up(make_study(trials=5, seeds=7), [], variant)
    line = f"dlstudy run s.py {options}--searches 1 --trials 5 --seeds 7"
    assert command_of(summary) == line
    assert f"```\n{line}\n```" in markdown(document(summary, None))


def test_the_command_asks_for_searches_and_for_figures_with_a_setting_of_their_own():
    study = make_study(reported=[figure("0.9", setting={"batch_size": 64})], searches=3)
    runs = [make_trial(study, "a", "reported", 0, {"rate": 0.1, "batch_size": 64}, metrics={"test_accuracy": 0.9})]
    line = "dlstudy run s.py --searches 3 --trials 5 --seeds 3"
    assert document(sum_up(study, runs), None).blocks[-1] == Code(f"{line} --reported-variants")
    assert document(sum_up(study, []), None).blocks[-1] == Code(line)


def test_a_study_that_comes_with_the_package_is_run_by_its_name():
    assert command("optimizers", "", Variant(), protocol_json(make_study())).startswith(
        "dlstudy run optimizers --searches"
    )


def test_html_shows_text_as_it_is_and_never_as_markup(summary):
    page = page_of(summary)
    reader = Reader(page)
    assert set(reader.tags) <= set(TAGS.split())
    assert set(reader.attributes) <= set(ATTRIBUTES.split())
    for before, after in (
        ("Is it ", "?"),
        ("The answer: ", "."),
        ("On ", ""),
        ("not testable: ", ""),
        ("a (optimizer ", ")"),
    ):
        assert f"{before}{EVIL}{after}" in reader.text, before
    of_picture = Reader(html_page(Document("n", "t", "", "", [Picture(EVIL, EVIL, PNG)])))
    assert EVIL in of_picture.values
    assert page.count("<!--") == 0


def test_html_is_one_file_that_asks_for_nothing_and_runs_nothing(summary):
    page = page_of(summary)
    assert page.startswith("<!doctype html>")
    assert re.findall(r'src="(?!data:image/(?:png|svg\+xml);base64,)', page) == []
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert re.findall(r"(?:href|src)=\"(?:https?:|//)", page) == []


def test_the_policy_allows_the_page_its_own_style(summary):
    page = page_of(summary)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in page


def test_html_folds_details_away(summary):
    page = page_of(summary)
    folded = re.findall(r"<details><summary><h2>(.*?)</h2></summary>", page)
    assert folded[0] == "Claims"
    assert "Arms, each tuned on its own" not in folded
    assert page.count("</details>") == len(folded)
    assert re.search(r"</details>\n<h2>How to repeat it", page)


def test_html_has_a_card_for_each_claim_with_what_was_measured(summary):
    (card,) = re.findall(r"<article (.*?)</article>", page_of(summary), re.DOTALL)
    assert card.startswith('class="claim good"><p class="verdict good"><span aria-hidden="true">▲</span> supported</p>')
    assert "<p>+0.0200 in test accuracy against b; 95 % interval +0.0190 to +0.0210</p>" in card
    assert card.count("<circle") == 1 + len(summary.claims[0].pairs[0].differences)


def test_html_headings_go_down_one_level_at_a_time(summary):
    levels = [int(level) for level in re.findall(r"<h(\d)", page_of(summary))]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_picture_of_the_page_has_a_text(summary):
    images = re.findall(r"<img ([^>]*)>", page_of(summary))
    assert len(images) == 4
    assert all(re.match(r'alt="[^"]+" src="', image) for image in images)


def test_html_marks_verdicts_good_bad_and_open(summary):
    page = page_of(summary)
    for kind, text in (
        ("good", "supported"),
        ("good", "0.9100 compatible"),
        ("bad", "0.5 not compatible"),
        ("open", "not run: --reported-variants trains it"),
    ):
        assert f'<span class="{kind}">{text}</span>' in page, text


def test_a_wide_table_is_a_stack_of_cards_on_a_phone():
    wide = Table("t", ["a", "b", "c", "d"], [["1", "2", "–", "x" * 30]])
    page = html_page(Document("n", "t", "", "", [wide, Table("u", ["a", "b"], [["1", "2"]])]))
    assert page.count('<div class="wide cards"') == page.count('<div class="wide" ') == 1
    assert '<td data-head="c" class="none">' in page
    assert f'<td data-head="d" class="long"><span>{"x" * 30}' in page
    assert '<td data-head="b" class="short">' in page


def test_the_first_cell_of_a_row_may_lead_somewhere():
    table = Table("t", ["a", "b"], [["x<", "2"], ["y", "3"]], links=["s-a%2Bb.html", ""])
    made = Document("n", "t", "", "", [table])
    assert '<th scope="row" class="short"><a href="s-a%2Bb.html">x&lt;</a></th>' in html_page(made)
    assert "| [x\\<](<s-a%2Bb.html>) | 2 |\n| y | 3 |" in markdown(made)


def test_markdown_escapes_every_text_of_a_study(summary):
    text = markdown(document(summary, None))
    plain = re.sub(r"(?m)^#+ |\*\*|^\*Picture: |\*$|^```$", "", text.replace(command_of(summary), ""))
    for letter in "<[*_#`&$!~":
        assert unescaped(plain, letter) == 0, letter
    assert r"# Is it \<script\>alert(1)\</script\> a\|b 'single'" in text
    assert r"- \<script\>" in text
    assert r"> \<script\>" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("1. one", r"1\. one"), ("- one", r"\- one"), ("--- one", r"\--- one"), ("+", r"\+"), ("12) x", r"12\) x"),
        ("0.9774 of it", "0.9774 of it"), ("+0.01", "+0.01"), ("-0.5", "-0.5"), ("a\n# b", r"a \# b"),
    ],
)  # fmt: skip
def test_no_text_of_markdown_begins_a_list(text, escaped):
    assert markdown(Document("n", "t", "", "", [Bullets([text])])) == f"# t\n\n- {escaped}\n"


def test_markdown_fences_code_whatever_it_holds():
    made = markdown(Document("n", "t", "", "", [Code("a ```` b\n```"), Bullets(["x", "y"])]))
    assert made == "# t\n\n`````\na ```` b ```\n`````\n\n- x\n- y\n"


def test_markdown_rows_have_as_many_cells_as_their_heads(summary):
    text = markdown(document(summary, None))
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    assert [len(block) for block in blocks[:3]] == [5, 6, 4]  # heads, rule and a row for each arm, figure, claim
    for block in blocks:
        assert len({unescaped(line, "|") for line in block}) == 1
        assert set(block[1]) == set("| -")


def test_text_over_several_lines_stays_in_its_cell():
    study = make_study(claims=[Claim("first\n\nsecond\n| third", untestable="why\nnot")])
    assert r"| 1\. first second \| third | not testable: why not |" in markdown(document(sum_up(study, []), None))


def test_json_has_the_documented_keys_and_values(summary):
    data = json.loads(export(summary, "json"))
    assert (data["schema"], data["study"], data["variant"]) == (4, "s", "default")
    assert data["question"] == f"Is it {EVIL}?"
    assert (data["quick"], data["complete"], data["made_with"]) == (False, False, {EVIL: EVIL})
    assert set(data) == set(KEYS.split())
    arm = data["arms"][0]
    assert (arm["name"], arm["best"]["params"], arm["best"]["value"]) == ("a", {"rate": 0.5}, 0.9)
    metric = arm["replicates"]["test_accuracy"]
    assert (metric["values"][:3], metric["n"]) == ([0.92, 0.931, 0.939], 6)
    assert (metric["mean"], metric["sd"]) == pytest.approx((0.93, 0.0068118), abs=1e-6)
    assert metric["seeds"] == [trial.seed for trial in summary.trials if (trial.arm, trial.phase) == ("a", "replicate")]
    reported = data["reported"][0]
    shown = [reported[key] for key in ("arm", "metric", "reported", "verdict")]
    assert shown == ["a", "test_accuracy", "0.9100", "compatible"]
    claim = data["claims"][0]
    assert (claim["text"], claim["verdict"], claim["n"], claim["unit"]) == (EVIL, "supported", 6, "seed")
    assert claim["interval"] == pytest.approx([0.019, 0.021])
    assert claim["pairs"][0]["differences"] == pytest.approx([0.02, 0.021, 0.019, 0.021, 0.019, 0.02])


def test_json_has_every_trial_with_what_it_was_and_what_it_gave(summary):
    data = json.loads(export(summary, "json"))["trials"]
    assert len(data) == len(summary.trials)
    replicate = next(trial for trial in data if trial["run_id"] == "r1")
    assert set(TRIAL_KEYS.split()) <= set(replicate)
    assert replicate["params"] == {"batch_size": 32, "epochs": 10, "kind": "a", "rate": 0.5}
    assert (replicate["metrics"], replicate["cost"]) == ({"test_accuracy": 0.92}, {"seconds": 1.5})
    assert replicate["history"]["val_loss"] == [0.6, 0.4]
    failed, diverged, running, _ = data[-4:]
    assert (failed["state"], failed["reason"]) == ("failed", EVIL)
    assert (diverged["metrics"], diverged["cost"]) == ({"val_loss": None, METRIC: 0.5}, {"seconds": None})
    assert diverged["history"] == {"val_loss": [0.5, None]}
    assert (running["state"], running["ended_s"], running["metrics"]) == ("running", None, {})


def test_json_has_a_line_for_each_trial(summary):
    text = export(summary, "json")
    lines = [line for line in text.splitlines() if line.startswith('    {"phase": ')]
    assert [json.loads(line.rstrip(",")) for line in lines] == json.loads(text)["trials"]
    assert text.endswith("}\n")
    assert json.loads(export(replace(summary, trials=[]), "json"))["trials"] == []


def test_json_is_strict():
    def refuse(word):
        raise AssertionError(word)

    text = as_json({"a": [NAN, (float("-inf"), 1.5)], 3: {"b": NAN}, "flag": True, "ä": None})
    assert json.loads(text, parse_constant=refuse) == {
        "a": [None, [None, 1.5]],
        "3": {"b": None},
        "flag": True,
        "ä": None,
    }
    assert text.endswith("}\n")
    assert "ä" in text
    with pytest.raises(TypeError, match="not JSON serializable"):
        as_json({"a": object()})


@pytest.mark.parametrize("kind", ["html", "md", "csv", "tex", "json"])
def test_no_report_prints_nan(summary, drawn, kind):
    text = re.sub(r"base64,[^\"]*", "", export(summary, kind))
    assert re.findall(r"(?i)\b(nan|inf|infinity)\b", text) == []


@pytest.mark.parametrize("kind", ["html", "md", "tex", "json"])
def test_a_report_of_no_trial_says_that_there_is_no_answer_yet(drawn, kind):
    assert "No answer yet: no winner has been replicated." in export(sum_up(make_study(), []), kind)


def test_an_unknown_format_is_refused(summary):
    with pytest.raises(
        UsageError, match="--format must be one of html, pdf, md, csv, tex, json, parquet, svg, card, got"
    ):
        export(summary, "docx")


def test_only_formats_with_pictures_are_drawn_for(summary, drawn):
    for kind in ("md", "csv", "tex", "json"):
        export(summary, kind)
    assert drawn == []
    assert "data:image/png" in export(summary, "html")
    assert drawn == ["s"]


def test_every_format_is_written_whole_into_a_folder(summary, tmp_path, monkeypatch, drawn):
    monkeypatch.setitem(exporting.RENDERERS, "pdf", lambda _: b"%PDF")
    folder = tmp_path / "a 'folder' with \"quotes\"" / "ä"
    written = export_all(summary, folder)
    assert [path.name for path in written] == [f"s-default.{kind}" for kind in FORMATS]
    assert drawn == ["s"]  # once for all
    assert sorted(folder.iterdir()) == sorted(written)
    for path in written:
        made = export(summary, path.suffix[1:])
        assert path.read_bytes() == (made if isinstance(made, bytes) else made.encode())
    assert export_all(summary, folder) == written


def test_without_typst_every_other_format_is_written(summary, tmp_path, monkeypatch, drawn):
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not installed
    assert [path.suffix for path in export_all(summary, tmp_path)] == [".html", ".md", ".csv", ".tex", ".json"]
    refused = re.escape(
        "a PDF, and a card, needs typst, which is not installed here: pip install 'dlstudy[pdf]', or name another"
    )
    with pytest.raises(UsageError, match=refused):
        export(summary, "pdf")


def test_a_report_that_fails_leaves_the_old_one(summary, tmp_path, monkeypatch, drawn):
    monkeypatch.setitem(exporting.RENDERERS, "pdf", lambda _: b"%PDF")
    path = export_all(summary, tmp_path)[2]
    before = path.read_text()

    def fail(*_):
        raise RuntimeError("out of ink")

    monkeypatch.setitem(exporting.RENDERERS, "md", fail)
    with pytest.raises(RuntimeError, match="out of ink"):
        export_all(summary, tmp_path)
    assert path.read_text() == before
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


def test_a_file_is_replaced_whole_also_through_a_link(tmp_path):
    target, link = tmp_path / "there" / "real.md", tmp_path / "link.md"
    write_whole(target, "one")
    link.symlink_to(target)
    assert write_whole(link, "two") == link
    assert (target.read_text(), link.is_symlink()) == ("two", True)
    with pytest.raises(OSError, match="Is a directory"):
        write_whole(tmp_path, "three")
    assert [path.name for path in target.parent.iterdir()] == ["real.md"]
