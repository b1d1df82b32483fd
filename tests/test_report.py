"""Reports: tables, pages, figures and files, the same facts in each, and no text that passes for markup."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from builders import figure, make_study, make_trial, runs_of, sum_up

from dlstudy.document import Claim
from dlstudy.errors import UsageError
from dlstudy.protocol import Sweep
from dlstudy.report.export import FORMATS, as_json, export, export_all
from dlstudy.report.facts import _as_printed, interval_text, mood, number, params_text, tables, with_spread
from dlstudy.report.figures import COLOURS, curves_png
from dlstudy.report.pages import command, html_page, markdown
from dlstudy.results import MetricSummary

EVIL = "<script>alert(1)</script> a|b 'single' \"double\" `tick` *star* _under_ [link](x) & #hash <!-- \\"
PROVENANCE = {"python": "3", "commit": "<b>"}
NAN = float("nan")
DIVERGED = {
    "state": "diverged",
    "metrics": {"val_loss": NAN},
    "history": {"val_loss": [0.5, None]},
    "cost": {"seconds": float("inf")},
}
TAGS = "html head meta title style body h1 h2 p div table thead tbody tr th td span img ul li code"
ATTRIBUTES = "lang charset name content class alt src"
KEYS = (
    "schema study variant question answer quick complete n_failed arms printed computed sweeps claims trials protocol "
    "notes remarks made_with"
)
TRIAL_KEYS = "phase arm number seed params state reason metrics cost slot run_id"


@pytest.fixture
def study():
    claims = [
        Claim(EVIL, better="a", than="b", metric="test_accuracy"),
        Claim("no tuning", untestable=EVIL),
    ]
    printed = [figure("0.9100"), figure("0.99", setting={"optimizer": EVIL}), figure("0.5", arm="b")]
    return make_study(question=f"Is it {EVIL}?", seeds=6, printed=printed, claims=claims)


@pytest.fixture
def trials(study):
    history = {"val_accuracy": [0.5, 0.8], "val_loss": [0.6, 0.4]}
    return [
        *runs_of(study, "a", "printed", [0.909, 0.910, 0.911]),
        *runs_of(study, "b", "printed", [0.909, 0.910, 0.911]),
        *runs_of(study, "a", "replicate", [0.92, 0.931, 0.939], history=history, run_id="r1"),
        *runs_of(study, "b", "replicate", [0.90, 0.91, 0.92], history=history),
        make_trial(study, "b", "search", 1, state="failed", reason=EVIL),
        make_trial(study, "b", "search", 2, **DIVERGED),
        make_trial(study, "b", "search", 3, result=None, ended_s=None),
    ]


@pytest.fixture
def summary(study, trials):
    return replace(sum_up(study, trials), notes=[EVIL], answer=f"The answer: {EVIL}.")


class Reader(HTMLParser):
    """Collects the tags of a page, and its text with a space between elements."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += f"{data} "


def unescaped(text, letter):
    return len(re.findall(rf"(?<!\\)(?:\\\\)*{re.escape(letter)}", text))


def test_html_shows_text_as_it_is_and_never_as_markup(summary):
    page = html_page(summary, PROVENANCE)
    reader = Reader(page)
    assert set(reader.tags) <= set(TAGS.split())
    assert set(reader.attributes) <= set(ATTRIBUTES.split())
    shown = "Is it {0}?", "The answer: {0}.", "b: 1 trial failed: {0}", "not testable: {0}", f"a (optimizer {EVIL})"
    for text in (*shown, "{0}"):
        assert text.format(EVIL) in reader.text, text
    assert page.count("<!--") == 0


def test_html_is_one_file_that_asks_for_nothing_else(summary):
    page = html_page(summary, {})
    assert page.startswith("<!doctype html>")
    assert re.findall(r'src="(?!data:image/png;base64,)', page) == []
    assert "http" not in page


def test_html_marks_verdicts_good_bad_and_open(summary):
    page = html_page(summary, {})
    for kind, text in (
        ("good", "supported"),
        ("good", "0.9100 reproduced"),
        ("bad", "0.5 not reproduced"),
        ("open", "not run: --also trains it"),
    ):
        assert f'<span class="{kind}">{text}</span>' in page, text


def test_markdown_escapes_every_text_of_a_study(summary):
    text = markdown(summary)
    plain = re.sub(r"(?m)^#+ |\*\*", "", text.replace(f"`{command(summary)}`", ""))
    for letter in "<[*_#`":
        assert unescaped(plain, letter) == 0, letter
    assert r"# Is it \<script\>alert(1)\</script\> a\|b 'single'" in text
    assert r"- b: 1 trial failed: \<script\>" in text
    assert r"> \<script\>" in text


def test_markdown_rows_have_as_many_cells_as_their_heads(summary):
    blocks = [block.splitlines() for block in markdown(summary).split("\n\n") if block.startswith("| ")]
    assert [len(block) for block in blocks[:3]] == [4, 5, 4]  # heads, rule and a row for each arm, figure, claim
    for block in blocks:
        assert len({unescaped(line, "|") for line in block}) == 1
        assert set(block[1]) == set("| -")


def test_text_over_several_lines_stays_in_its_cell():
    study = make_study(claims=[Claim("first\n\nsecond\n| third", untestable="why\nnot")])
    assert r"| first second \| third | not testable: why not |" in markdown(sum_up(study, []))


def test_json_has_the_documented_keys_and_values(summary, study):
    data = json.loads(export(summary, "json", PROVENANCE))
    assert (data["schema"], data["study"], data["variant"], data["question"]) == (1, "s", "default", study.question)
    assert (data["quick"], data["complete"], data["made_with"]) == (False, False, PROVENANCE)
    assert set(data) == set(KEYS.split())
    arm = data["arms"][0]
    assert (arm["name"], arm["best"]["params"], arm["best"]["value"]) == ("a", {"rate": 0.5}, 0.9)
    metric = arm["replicates"]["test_accuracy"]
    assert (metric["values"], metric["n"]) == ([0.92, 0.931, 0.939], 3)
    assert (metric["mean"], metric["sd"]) == pytest.approx((0.93, 0.0095394), abs=1e-6)
    assert metric["seeds"] == [trial.seed for trial in summary.trials if (trial.arm, trial.phase) == ("a", "replicate")]
    printed = data["printed"][0]
    assert [printed[key] for key in ("arm", "metric", "printed", "reproduced")] == [
        "a",
        "test_accuracy",
        "0.9100",
        "reproduced",
    ]
    assert printed["ours"] == pytest.approx(0.91)
    claim = data["claims"][0]
    assert (claim["text"], claim["verdict"], claim["n"]) == (EVIL, "supported", 3)
    assert claim["difference"] == pytest.approx(0.02)
    assert claim["interval"] == pytest.approx([0.017516, 0.022484], abs=1e-6)


def test_json_has_every_trial_with_what_it_was_and_what_it_gave(summary):
    data = json.loads(export(summary, "json", {}))["trials"]
    assert len(data) == len(summary.trials)
    replicate = next(trial for trial in data if trial["run_id"] == "r1")
    assert set(TRIAL_KEYS.split()) <= set(replicate)
    assert replicate["params"] == {"batch_size": 32, "epochs": 10, "kind": "a", "rate": 0.5}
    assert (replicate["metrics"], replicate["cost"]) == ({"test_accuracy": 0.92}, {"seconds": 1.5})
    assert replicate["history"]["val_loss"] == [0.6, 0.4]
    failed, diverged, running = data[-3:]
    assert (failed["state"], failed["reason"]) == ("failed", EVIL)
    assert (diverged["metrics"], diverged["cost"]) == ({"val_loss": None}, {"seconds": None})
    assert diverged["history"] == {"val_loss": [0.5, None]}
    assert (running["state"], running["ended_s"], running["metrics"]) == ("running", None, {})


def test_json_has_a_line_for_each_trial(summary):
    text = export(summary, "json", {})
    lines = [line for line in text.splitlines() if line.startswith('    {"phase": ')]
    assert [json.loads(line.rstrip(",")) for line in lines] == json.loads(text)["trials"]
    assert text.endswith("}\n")
    assert json.loads(export(replace(summary, trials=[]), "json", {}))["trials"] == []


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


@pytest.mark.parametrize("kind", list(FORMATS))
def test_no_report_prints_nan(summary, kind):
    text = re.sub(r"base64,[^\"]*", "", export(summary, kind, {}))
    assert re.findall(r"(?i)\b(nan|inf|infinity)\b", text) == []


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_report_of_no_trial_says_that_there_is_no_answer_yet(study, kind):
    assert "No answer yet: no winner has been replicated." in export(sum_up(study, []), kind, {})


def test_an_unknown_format_is_refused(summary):
    with pytest.raises(UsageError, match="--format must be one of md, html, json, got 'pdf'"):
        export(summary, "pdf", {})


def test_every_format_is_written_whole_into_a_folder(summary, tmp_path):
    folder = tmp_path / "a 'folder' with \"quotes\"" / "ä"
    written = export_all(summary, PROVENANCE, folder)
    assert [path.name for path in written] == ["s-default.md", "s-default.html", "s-default.json"]
    assert sorted(folder.iterdir()) == sorted(written)
    for path in written:
        assert path.read_text(encoding="utf-8") == export(summary, path.suffix[1:], PROVENANCE)
    assert export_all(summary, PROVENANCE, folder) == written


def test_a_report_that_fails_leaves_the_old_one(summary, tmp_path, monkeypatch):
    path = export_all(summary, {}, tmp_path)[0]
    before = path.read_text()

    def fail(*_):
        raise RuntimeError("out of ink")

    monkeypatch.setitem(FORMATS, "md", fail)
    with pytest.raises(RuntimeError, match="out of ink"):
        export_all(summary, {}, tmp_path)
    assert path.read_text() == before
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("default", ""),
        ("default~2", ""),
        ("quick", "--quick "),
        ("quick+dataset=digits+epochs=3+sampler=tpe+pruner=median~4",
         "--quick --dataset digits --epochs 3 --sampler tpe --pruner median "),
    ],
)  # fmt: skip
def test_a_report_says_what_to_type_to_make_it_again(variant, options):
    summary = sum_up(make_study(trials=5, seeds=7), [], variant)
    line = f"dlstudy run s.py {options}--trials 5 --seeds 7"
    assert command(summary) == line
    assert f"Again: `{line}`" in markdown(summary)
    assert f"<code>{line}</code>" in html_page(summary, {})


def test_tables_come_in_reading_order_and_only_with_rows(summary):
    assert [table.title for table in tables(summary)] == ["Arms, each tuned on its own", "Printed figures", "Claims"]
    assert [table.title for table in tables(sum_up(make_study(), []))] == ["Arms, each tuned on its own"]


def test_the_table_of_arms_by_hand(summary):
    rows = tables(summary)[0].rows
    assert rows[0] == ["a", "rate 0.5", "0.9000 (1 trial)", "0.9300 ± 0.0095", "3", "–", "0.9100 reproduced"]
    assert rows[1] == ["b", "rate 0.5", "0.9000 (4 trials)", "0.9100 ± 0.0100", "3", "–", "0.5 not reproduced"]


def test_the_table_of_claims_by_hand(summary):
    rows = tables(summary)[2].rows
    assert rows[0] == [
        EVIL,
        "supported",
        "test accuracy (tuned winners)",
        "+0.0200 against b",
        "+0.0175 to +0.0225",
        "3",
    ]
    assert rows[1] == ["no tuning", f"not testable: {EVIL}", "–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("fields", "measure"),
    [
        ({"metric": "val_accuracy", "epoch": 1}, "validation accuracy, epoch 1 (tuned winners)"),
        ({"metric": "train_loss", "phase": "printed"}, "training loss (printed settings)"),
    ],
)
def test_a_claim_says_what_it_is_measured_by(fields, measure):
    study = make_study(claims=[Claim("a is better", better="a", than="b", **fields)])
    assert tables(sum_up(study, []))[1].rows[0][2] == measure


def test_the_table_of_printed_figures_by_hand(summary):
    row = tables(summary)[1].rows[0]  # 0.91 +- 4.302653 * 0.001 * sqrt(4/3) +- 0.00005
    assert row == ["a", "test accuracy", "0.9100", "0.9100", "0.9050 to 0.9150", "3", "reproduced"]


def test_figures_that_are_not_comparable_are_not_shown(study, trials):
    shown = tables(sum_up(study, trials, "quick"))
    assert [table.title for table in shown] == ["Arms, each tuned on its own", "Claims"]
    assert [row[-1] for row in shown[0].rows] == ["–", "–"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.95, "0.9500"),
        (0, "0.0000"),
        (0.001, "0.0010"),
        (0.00012345, "0.000123"),
        (-0.5, "-0.5000"),
        (9999.5, "9999.5000"),
        (50005100.0, "5e+07"),
    ],
)
def test_numbers_have_four_decimals_where_that_shows_something(value, text):
    assert number(value) == text


def test_small_texts_by_hand():
    assert with_spread(None) == interval_text(None) == "–"
    assert with_spread(MetricSummary(0.5, None, 1, [0.5], [1])) == "0.5000"
    assert with_spread(MetricSummary(0.5, 0.01, 2, [], [])) == "0.5000 ± 0.0100"
    assert interval_text((-0.01, 0.02)) == "-0.0100 to +0.0200"
    assert params_text({}) == "nothing to tune"
    assert (
        params_text({"rate": 0.0123456, "units": 64, "kind": "l2", "bias": True})
        == "rate 0.0123, units 64, kind l2, bias True"
    )


def is_png(data):
    return data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")


def test_curves_are_a_png_that_stays_the_same(summary, tmp_path):
    path = tmp_path / "curves.png"
    picture = curves_png(summary, path)
    assert is_png(picture)
    assert path.read_bytes() == picture == curves_png(summary)


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_curves_are_a_png_without_any_replicate(metric):
    assert is_png(curves_png(sum_up(make_study(metric=metric), [])))


def test_curves_show_replicates_that_finished_and_nothing_else(study, trials, summary):
    extra = make_trial(study, "a", "replicate", 5, state="failed", history={"val_accuracy": [0.1, 0.1]})
    searched = make_trial(study, "a", "search", 5, history={"val_accuracy": [0.1, 0.1]})
    assert curves_png(replace(summary, trials=[*trials, extra, searched])) == curves_png(summary)
    other = make_trial(study, "a", "replicate", 5, history={"val_accuracy": [0.1, 0.1]})
    assert curves_png(replace(summary, trials=[*trials, other])) != curves_png(summary)


def test_curves_of_more_arms_than_colours_and_runs_of_unequal_length():
    study = make_study(arms=[f"arm{i}" for i in range(len(COLOURS) + 1)])
    runs = [make_trial(study, arm.name, "replicate", row, history={"val_accuracy": [0.5, 0.6][: row + 1]})
            for arm in study.arms for row in range(2)]  # fmt: skip
    assert is_png(curves_png(sum_up(study, runs)))


def test_a_quick_picture_says_so(study, trials):
    assert curves_png(sum_up(study, trials, "quick")) != curves_png(sum_up(study, trials))


def test_an_epoch_at_which_every_run_was_infinite_is_drawn_without_a_warning():
    study = make_study()
    runs = [make_trial(study, "a", "replicate", row, history={"val_loss": [None, 0.5]}) for row in range(2)]
    assert is_png(curves_png(sum_up(study, runs)))


def test_curves_of_an_earlier_winner_are_not_drawn_as_the_winners():
    study = make_study()
    search = [make_trial(study, "a", "search", row, {"rate": 0.1 + row}, value=0.8 + row / 10) for row in range(2)]
    old = [
        make_trial(study, "a", "replicate", row, {"rate": 0.1}, history={"val_accuracy": [0.5, 0.6]})
        for row in range(2)
    ]
    summary = sum_up(study, [*search, *old])
    assert summary.arms[0].replicates == {}
    assert curves_png(summary) == curves_png(sum_up(study, search))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("reproduced", "good"),
        ("0.9560 reproduced", "good"),
        ("supported", "good"),
        ("not reproduced", "bad"),
        ("0.9645 not reproduced", "bad"),
        ("contradicted", "bad"),
        ("undecided", "open"),
        ("not testable: why", "open"),
        ("an arm that is supported", ""),
        ("0.9774 (8 trials)", ""),
    ],
)
def test_a_verdict_has_a_mood_wherever_a_number_stands_before_it(cell, expected):
    assert mood(cell) == expected


def test_a_sweep_is_a_table_of_values_by_arms():
    study = make_study(sweeps=[Sweep("rates", {"rate": (0.1, 0.9)}, seeds=2)])
    runs = [
        make_trial(study, arm, "sweep", row, {"rate": rate}, metrics={"val_accuracy": value + row / 100})
        for arm, rate, value in (("a", 0.1, 0.5), ("b", 0.1, 0.6), ("a", 0.9, 0.7))
        for row in (0, 1)
    ]
    lost = [make_trial(study, "b", "sweep", row, {"rate": 0.9}, state="diverged") for row in (0, 1)]
    half = [make_trial(study, "a", "sweep", 2, {"rate": 0.9}, state="diverged")]
    (table,) = [table for table in tables(sum_up(study, [*runs, *lost, *half])) if table.title.startswith("Sweep")]
    assert table.title == "Sweep rates: validation accuracy, mean ± sd over seeds"
    assert table.heads == ["at", "a", "b"]
    assert table.rows == [
        ["rate 0.1", "0.5050 ± 0.0071", "0.6050 ± 0.0071"],
        ["rate 0.9", "0.7050 ± 0.0071 (1 of 3 diverged)", "all 2 diverged"],
    ]


def test_a_sweep_without_runs_has_no_table():
    study = make_study(sweeps=[Sweep("rates", {"rate": (0.1, 0.9)}, seeds=2)])
    assert [table.title for table in tables(sum_up(study, []))] == ["Arms, each tuned on its own"]


@pytest.mark.parametrize(
    ("value", "printed", "text"),
    [
        (1.59135706886896, "1.5913570686889646", "1.5913570688689600"),
        (0.955, "0.95", "0.9550"),
        (333435340000.0, "-1572109088", "333435340000.0000"),
        (0.5, "5e-1", "0.5000"),
        (None, "0.95", "–"),
    ],
)
def test_our_figure_has_the_places_of_the_printed_one(value, printed, text):
    assert _as_printed(value, printed) == text
