"""`dlstudy report`: of one study, or an index over all, to a file, a folder, a pipe or a terminal."""

import io
import json
import sys
from dataclasses import replace

import pytest

from dlstudy.analysis.results import ClaimSummary, FigureVerdict, Verdict
from dlstudy.cli import report
from dlstudy.cli.app import main
from dlstudy.errors import RecordError, StudyError, UsageError
from dlstudy.report import export as exporting
from dlstudy.report.index import index
from dlstudy.study import loader
from dlstudy.study.claims import Claim, ClaimPhase
from dlstudy.study.variant import Variant
from tests.helpers.builders import figure, make_study, runs_of, sum_up
from tests.helpers.hostile import EVIL


def made(study="one", variant="default"):
    """A summary with claims of several verdicts, and an A/A test."""
    spec = make_study(seeds=6, question=EVIL, reported=[figure("0.91"), figure("0.5", arm="b")],
                      claims=[Claim("c", untestable="x")])  # fmt: skip
    summary = sum_up(spec, runs_of(spec, "a", "reported", [0.909, 0.910, 0.911]))
    verdicts = (Verdict.UNDECIDED, Verdict.SUPPORTED, Verdict.UNDECIDED, Verdict.WITHHELD)
    claims = [ClaimSummary(verdict, verdict, "", None, ClaimPhase.REPLICATE) for verdict in verdicts]
    claims.append(ClaimSummary("A/A test", Verdict.UNDECIDED, "", None, ClaimPhase.REPLICATE, aa_test=True))
    return replace(summary, study=study, variant=Variant.parse(variant), claims=claims, answer="It is.")


def test_the_index_has_a_line_for_each_study_with_its_counts():
    text = index([made(), made("two", "quick")], "md")
    rows = [line for line in text.splitlines() if line.startswith(("| one", "| two"))]
    assert rows[0].startswith("| one | default | \\<script\\>")
    assert rows[0].endswith("| It is. | supported 1, undecided 2, withheld 1 | compatible 1, not run 1 |")
    assert rows[1].startswith("| two | quick |")


def test_the_index_names_what_it_does_not_hold():
    text = index([made()], "md", missing=["gone: no file"])
    assert text.endswith("## Not in this index\n\n- gone: no file\n")
    assert "Not in this index" not in index([made()], "md")


def test_the_index_as_json_counts_verdicts():
    data = json.loads(index([made()], "json", missing=["x: y"]))
    assert (data["schema"], data["missing"]) == (4, ["x: y"])
    (entry,) = data["studies"]
    assert (entry["study"], entry["answer"], entry["complete"]) == ("one", "It is.", False)
    assert entry["claims"] == {"supported": 1, "undecided": 2, "withheld": 1}
    assert entry["reported"] == {"compatible": 1, "not run": 1}


def test_the_index_counts_every_verdict():
    claims = [ClaimSummary("c", verdict, "", None, ClaimPhase.REPLICATE) for verdict in reversed(Verdict)]
    figures = [replace(made().reported[0], verdict=verdict) for verdict in reversed(FigureVerdict)]
    (entry,) = json.loads(index([replace(made(), claims=claims, reported=figures)], "json"))["studies"]
    assert entry["claims"] == dict.fromkeys(Verdict, 1)
    assert list(entry["claims"])[:3] == ["supported", "equivalent", "contradicted"]
    assert list(entry["reported"].items()) == [(verdict, 1) for verdict in FigureVerdict]


@pytest.mark.parametrize("kind", ["html", "csv", "tex", "pdf"])
def test_the_index_has_every_format(kind):
    content = index([made()], kind)
    assert content.startswith(
        {"html": "<!doctype", "csv": "study,variant,", "tex": r"\documentclass", "pdf": b"%PDF-"}[kind]
    )


def test_an_index_in_an_unknown_format_is_refused():
    with pytest.raises(UsageError, match="--format must be one of html, pdf, md, csv, tex, json, got 'doc'"):
        index([], "doc")


class Records:
    """A record that knows these variants, by study."""

    def __init__(self, known):
        self.known = known

    def open(self, home, storage, for_writing):
        return self

    def studies(self):
        return sorted(self.known)

    def variants(self, name):
        return self.known[name]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A home with two studies, and a third whose file is gone; figures cost nothing."""
    paths = {name: tmp_path / f"{name}.py" for name in ("one", "two")}
    default, quick, epochs = Variant(), Variant(quick=True), Variant(epochs=3)
    known = {
        "gone": {default: [default]},
        "one": {default: [default, default.of_generation(2)], epochs: [epochs]},
        "two": {quick: [quick]},
    }

    def read(file, record, variant):
        if file.stem == "two":
            raise RecordError("two has trials of another kind\nand more")
        return made(file.stem, variant or "default~2")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "Record", Records(known))
    monkeypatch.setattr(report, "read_summary", read)
    monkeypatch.setattr(loader, "paths", lambda made=None: paths)
    monkeypatch.setattr(loader, "load", lambda path: path)
    monkeypatch.setattr(report, "with_rows", lambda file: file)
    monkeypatch.setattr(exporting, "draw", lambda _: {})
    return tmp_path


def typed(capsys, *words):
    code = main(["report", *map(str, words)])
    return code, *capsys.readouterr()


def test_all_prints_an_index_over_the_newest_generation_of_each_variant(capsys, here):
    code, out, _ = typed(capsys, "--all")
    assert code == 0
    assert [line.split(" | ")[:2] for line in out.splitlines() if line.startswith("| one")] == [
        ["| one", r"default\~2"],
        ["| one", "epochs=3"],
    ]
    assert "- gone: there is no study file of that name here" in out
    assert "- two, quick: two has trials of another kind\n" in out


@pytest.mark.parametrize(
    ("output", "page"), [("site", "site/index.html"), ("site/all.html", "site/all.html"), (".", "index.html")]
)
def test_all_in_html_writes_the_reports_beside_the_index(capsys, here, output, page):
    code, out, _ = typed(capsys, "--all", "--format", "html", "--output", output)
    assert (code, out.strip()) == (0, str(page if output != "." else "index.html"))
    folder = (here / page).parent
    assert {path.name for path in folder.glob("*.html")} == {
        (here / page).name,
        "one-default~2.html",
        "one-epochs=3.html",
    }
    text = (here / page).read_text()
    assert '<a href="one-epochs%3D3.html">one</a>' in text
    assert '<a href="one-default~2.html">one</a>' in text


def test_all_in_another_format_writes_the_index_alone(capsys, here):
    assert typed(capsys, "--all", "--format", "csv", "--output", "x/all.csv")[0] == 0
    assert (here / "x" / "all.csv").read_text().startswith("study,variant,question,")
    assert len(list((here / "x").iterdir())) == 1


def test_all_in_html_that_is_printed_leads_nowhere(capsys, here):
    assert "<a href" not in typed(capsys, "--all", "--format", "html")[1].partition("<h2")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "report takes a study's name or --all, got neither: `dlstudy list` shows the names"),
        (["one", "--all"], "report --all takes every study and variant, got 'one' too: leave one of them out"),
        (["--all", "--variant", "quick"], "got --variant quick too"),
        (["--all", "--format", "doc"], "--format must be one of html, pdf, md, csv, tex, json, got 'doc'"),
        (["one", "--output", "one.py/x.md"], "the report cannot be written to one.py/x.md"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_one_line(capsys, here, words, message):
    (here / "one.py").touch()
    code, out, err = typed(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_an_index_over_nothing_is_refused(capsys, here, monkeypatch):
    monkeypatch.setattr(report, "Record", Records({}))
    code, _, err = typed(capsys, "--all")
    assert code == 2
    assert "no results in" in err


def test_a_pdf_goes_into_a_pipe_but_not_to_a_terminal(capsys, here, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for words in (["one"], ["--all"]):
        monkeypatch.setattr(sys, "stdout", Terminal())
        code, _, err = typed(capsys, *words, "--format", "pdf")
        assert code == 2
        assert "a PDF cannot be shown on a terminal, got no --output: name a file, or pipe it" in err
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", pipe)
    assert typed(capsys, "one", "--format", "pdf")[0] == 0
    assert pipe.buffer.getvalue().startswith(b"%PDF-")


@pytest.mark.parametrize("words", [["one", "--output", "a.pdf"], ["--all", "--format", "pdf", "--output", "a.pdf"]])
def test_without_typst_a_pdf_is_refused_in_one_line(capsys, here, monkeypatch, words):
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not installed
    code, _, err = typed(capsys, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'dlstudy[pdf]', or name another format: html, md, csv, tex, json" in err
    assert not (here / "a.pdf").exists()


def test_a_report_goes_to_the_file_that_is_named(capsys, here):
    code, out, _ = typed(capsys, "one", "--format", "tex", "--output", "new folder/a 'b'.tex")
    assert (code, out) == (0, "new folder/a 'b'.tex\n")
    assert (here / "new folder" / "a 'b'.tex").read_text().startswith(r"\documentclass")


def test_a_study_that_cannot_be_loaded_is_named_in_the_index(capsys, here, monkeypatch):
    def load(path):
        raise StudyError(f"{path.name}, line 1: invalid syntax")

    monkeypatch.setattr(loader, "load", load)
    assert "- one, default~2: one.py, line 1: invalid syntax" in typed(capsys, "--all")[1].replace("\\", "")


@pytest.mark.parametrize(
    ("name", "begins"), [("a.pdf", b"%PDF-"), ("a.tex", b"\\documentclass"), ("a.HTML", b"<!doctype"), ("a", b"# ")]
)
def test_without_a_format_the_name_of_the_file_says_it(capsys, here, name, begins):
    assert typed(capsys, "one", "--output", name)[0] == 0
    assert (here / name).read_bytes().startswith(begins)


def test_a_name_that_says_another_format_is_refused(capsys, here):
    code, _, err = typed(capsys, "one", "--format", "html", "--output", "a.pdf")
    assert (code, err) == (
        2, "dlstudy: --output a.pdf implies the format pdf, got --format html: leave one of them out\n",
    )  # fmt: skip
    assert not (here / "a.pdf").exists()


def test_a_hyphen_is_the_standard_output(capsys, here):
    code, out, _ = typed(capsys, "one", "--output", "-")
    assert code == 0
    assert out.startswith("# ")
    assert not (here / "-").exists()
