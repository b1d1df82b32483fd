"""The report as LaTeX, CSV and PDF: what each format makes of hostile text, and that it can be read by its reader."""

import csv
import io
import re
import struct
import zlib

import numpy as np
import pandas
import pytest

from dlstudy.report.blocks import Bullets, Cell, Code, Document, Heading, Mood, Note, Picture, Table
from dlstudy.report.export import export
from dlstudy.report.formats.csv_tables import table_csv, trials_csv, trials_parquet
from dlstudy.report.formats.latex import latex
from dlstudy.report.formats.pdf import _data, pdf
from dlstudy.report.outline import document
from tests.helpers.builders import make_study, make_trial, sum_up
from tests.helpers.hostile import EVIL, FORMULA, hostile_summary


@pytest.fixture(scope="module")
def summary():
    return hostile_summary()


def tex_of(text):
    """What LaTeX gets for a text."""
    made = latex(Document("n", "t", "", "", [Note(text)])).split("\n\n")[-2]
    return made.removeprefix(r"\begin{quote}").removesuffix(r"\end{quote}")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("$ & # % ^ ~", r"\$ \& \# \% \textasciicircum{} \textasciitilde{}"),
        ("a_b", r"a\_\allowbreak{}b"),
        ("<b> | \"q\" 'q' `q`", r"\ensuremath{<}b\ensuremath{>} \ensuremath{|} \textquotedbl{}q\textquotedbl{} "
         r"\textquotesingle{}q\textquotesingle{} \textasciigrave{}q\textasciigrave{}"),
        ("a -- b", r"a -{}-{} b"),  # no ligature
        ("0.93 ± 0.01 – ≥ ×", r"0.93 \ensuremath{\pm} 0.01 \textendash{} \ensuremath{\ge} \ensuremath{\times}"),
        ("Müller, Čech, Ångström, straße", r"M\"{u}ller, \v{C}ech, \r{A}ngstr\"{o}m, stra\ss{}e"),
        ("α λ Σ ϵ ο", r"\ensuremath{\alpha} \ensuremath{\lambda} \ensuremath{\Sigma} [U+03F5] [U+03BF]"),
        ("ﬁ ½ ①", "fi [U+00BD] 1"),
        ("😀 אב", "[U+1F600] [U+05D0][U+05D1]"),
        ("a\nb\u202ec", "a bc"),
    ],
)  # fmt: skip
def test_latex_shows_text_and_never_runs_it(text, escaped):
    assert tex_of(text) == escaped


def test_a_latex_report_is_ascii_with_balanced_braces_and_environments(summary):
    text = latex(document(summary, None))
    assert text.isascii()
    assert text.endswith("\\end{document}\n")
    bare = re.sub(r"\\[\\{}]", "", text)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []


def test_a_latex_report_has_no_command_but_its_own(summary):
    own = set(re.findall(r"\\([A-Za-z]+)", latex(document(sum_up(make_study(), []), None))))
    own |= {"subsubsection", "quote", "item", "itemize", "emph", "pm"}
    shown = set(re.findall(r"\\([A-Za-z]+)", latex(document(summary, None)).replace(r"\textbackslash{}", "")))
    text_commands = {name for name in shown if name.startswith(("text", "ensuremath"))}
    assert shown - own - text_commands <= {"allowbreak", "begin", "end", "footnotesize", "par", "scriptsize", "cdot"}


def test_latex_rows_have_as_many_cells_as_columns(summary):
    for columns, body in re.findall(
        r"\\begin\{longtable\}\{(.*?)\}\n(.*?)\\end\{longtable\}", latex(document(summary, None)), re.DOTALL
    ):
        widths = [float(width) for width in re.findall(r"L\{([\d.]+)\\linewidth\}?", columns + "}")]
        assert sum(widths) < 1
        for line in body.splitlines():
            if line.endswith(r" \\"):
                assert line.startswith("{}")  # a cell's bracket is no argument of the line before
                assert len(re.findall(r"(?<!\\)&", line)) == len(widths) - 1


def test_latex_says_what_a_picture_shows():
    made = latex(
        Document(
            "n",
            "t",
            "yes",
            "here",
            [Picture("p", "a curve", b""), Heading("h", 3), Note("n"), Bullets(["[x]"]), Code("run -it")],
        )
    )
    assert r"\emph{Picture: a curve}" in made
    assert r"\subsubsection*{h}" in made
    assert "\\item {}[x]" in made
    assert r"\texttt{run -{}it}" in made


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_for_each_trial_and_a_column_for_each_parameter_and_metric(summary):
    rows = rows_of(trials_csv(summary))
    assert len(rows) == len(summary.trials)
    replicate = next(row for row in rows if row["run_id"] == "r1")
    assert (replicate["study"], replicate["phase"], replicate["arm"], replicate["search"]) == (
        "s",
        "replicate",
        "a",
        "1",
    )
    assert (replicate["param.rate"], replicate["metric.test_accuracy"], replicate["cost.seconds"]) == (
        "0.5",
        "0.92",
        "1.5",
    )
    assert (replicate["state"], replicate["slot"], replicate["started_s"]) == ("finished", "cpu:0", "100.0")
    failed, diverged, running, lost = rows[-4:]
    assert (failed["state"], failed["reason"]) == ("failed", EVIL)
    assert (diverged["metric.val_loss"], diverged["cost.seconds"]) == ("", "")
    assert (running["state"], running["ended_s"], running["value"]) == ("running", "", "")
    assert lost["param.kind"] == lost["reason"] == f"'{FORMULA}"


def test_csv_of_no_trial_has_heads_alone():
    text = trials_csv(sum_up(make_study(), []))
    assert text == (
        "study,variant,phase,arm,search,number,index,seed,state,value,run_id,setting_key,started_s,ended_s,reason,slot,trained_by,remarks\r\n"
    )


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+x", "'+x"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "' =1"),
        ("-0.5", "-0.5"), ("+0.0200", "+0.0200"), ("-1e-5", "-1e-5"), ("a=1", "a=1"), ("-inf", "'-inf"),
        ("+0.02 to +0.03", "'+0.02 to +0.03"), ("–", "–"),
    ],
)  # fmt: skip
def test_no_cell_of_a_csv_is_a_formula(cell, written):
    assert next(csv.reader([table_csv(Table("t", ["head"], [[cell]])).split("\n", 1)[1]])) == [written]


def test_a_carriage_return_cannot_begin_a_formula():
    text = table_csv(Table("t", ["=head"], [["\r=1"]]))
    assert text == "'=head\r\n' =1\r\n"


def png(width=4, height=4):
    """A white picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\xff" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_pdf_holds_every_block_and_stays_the_same(summary):
    figures = {"differences": png(40, 400), "curves": png(40, 20)}
    made = document(summary, figures)
    data = pdf(made)
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert pdf(made) == data
    assert b"/Lang" in data  # tagged: readers are told the language


def test_a_cell_of_a_pdf_has_its_mood(tmp_path):
    table = Table("t", ["a", "b"], [["supported", Cell("right", Mood.GOOD)], ["x", Cell("none")]])
    shown = [(cell["text"], cell["mood"]) for cell in _data(table, 0, tmp_path)["cells"]]
    assert shown == [("supported", ""), ("right", "good"), ("x", ""), ("none", "")]
    assert pdf(Document("n", "t", "", "", [table])).startswith(b"%PDF-")


def test_no_text_of_a_pdf_is_code(tmp_path):
    hostile = f'#panic("run") #read("/etc/passwd") {EVIL} ' + "x" * 300
    blocks = [
        Heading(hostile), Heading(hostile, 3), Note(hostile), Bullets([hostile]), Code(hostile),
        Table(hostile, [hostile, "b"], [[hostile, Cell(hostile, Mood.GOOD)]], hostile),
        Picture(hostile, hostile, png()), Picture(hostile, hostile, png(), wide=False),
    ]  # fmt: skip
    assert pdf(Document(hostile, hostile, hostile, hostile, blocks)).startswith(b"%PDF-")


def test_a_pdf_of_nothing_is_a_page():
    assert pdf(Document("n", "t", "", "", [])).startswith(b"%PDF-")


def test_the_pdf_of_a_study_is_bytes(summary, monkeypatch):
    from dlstudy.report import export as exporting

    monkeypatch.setattr(exporting, "draw", lambda _: {})
    assert export(summary, "pdf").startswith(b"%PDF-")


def test_parquet_has_the_same_trials_with_their_types_and_curves():
    study = make_study()
    trials = [
        make_trial(
            study,
            "a",
            "search",
            0,
            {"rate": 0.1, "kind": 3},
            metrics={"val_accuracy": 0.5},
            history={"val_accuracy": [0.25, None]},
        ),
        make_trial(study, "a", "search", 1, {"rate": 0.2, "kind": "=deep"}, state="failed", reason="no"),
    ]
    found = pandas.read_parquet(io.BytesIO(trials_parquet(sum_up(study, trials))))
    assert found["param.rate"].tolist() == [0.1, 0.2]
    assert found["param.kind"].tolist() == ["3", "=deep"], "of several types: text, as it is"
    assert (found["seed"].dtype, found["metric.val_accuracy"].dtype) == ("int64", "float64")
    assert np.array_equal(found["history.val_accuracy"][0], [0.25, np.nan], equal_nan=True)
    assert found["history.val_accuracy"][1] is None
    in_csv = rows_of(trials_csv(sum_up(study, trials)))[0]
    assert [head for head in found.columns if not head.startswith("history.")] == list(in_csv)


def test_parquet_of_no_trial_has_its_heads():
    found = pandas.read_parquet(io.BytesIO(trials_parquet(sum_up(make_study(), []))))
    assert len(found) == 0
    assert {"study", "arm", "phase", "seed", "state"} <= set(found.columns)
