"""The report over data sets, in every format."""

import json
import re

import pytest

from dlstudy.errors import UsageError
from dlstudy.report.across import claims_across_table, export_across, export_all_across
from dlstudy.report.blocks import Mood, mood_of
from dlstudy.report.figures.forest import forest_panels
from dlstudy.study.claims import Claim
from tests.helpers.data_sets import A_BEATS_B, on_each
from tests.helpers.hostile import EVIL

CLAIMS = [A_BEATS_B, Claim("b beats c", better="b", than="c", metric="test_accuracy")]
STEPS = [(0.02, 0.02), (0.03, -0.03), (0.02, 0.01), (0.01, 0.02), (0.02, 0.03)]


@pytest.fixture(scope="module")
def across():
    """Five data sets: the second claim is reversed on one of them."""
    return on_each(*STEPS, claims=CLAIMS)


def test_the_table_says_what_holds_on_each_and_over_data_sets(across):
    first, second = claims_across_table(across).rows
    assert first[:3] == [
        "1. a beats b", "supported on 5 of 5 data sets (mnist, digits, fashion_mnist, wine, cifar10)", "supported",
    ]  # fmt: skip
    assert mood_of(first[2]) is Mood.GOOD
    assert first[3] == "+0.0178 against b"
    assert second[2:] == ["reversed: no average", "–", "–", "–"]
    assert "contradicted on 1 (digits)" in second[1]


def test_the_forest_plot_has_a_row_for_each_data_set_the_mean_and_one_more(across):
    (panel,) = forest_panels(across.claims[0])
    assert [entry.text for entry in panel.entries[:-1]] == ["mnist", "digits", "fashion_mnist", "wine", "cifar10"]
    mean, one_more = panel.entries[-1].rows
    overall = across.claims[0].overall
    assert (mean.mean, mean.interval, len(mean.values)) == (overall.difference, overall.interval, 5)
    assert (one_more.name, one_more.interval) == ("one more data set", across.claims[0].pairs[0].prediction)
    assert one_more.interval[0] < mean.interval[0] < mean.interval[1] < one_more.interval[1]


def test_a_reversed_claim_has_no_mean_in_its_plot(across):
    (panel,) = forest_panels(across.claims[1])
    assert len(panel.entries) == 5
    assert [entry.verdict for entry in panel.entries][:2] == ["supported", "contradicted"]


def test_html_has_a_picture_for_each_claim_links_and_the_ranks(across):
    page = export_across(across, "html", [f"{name}.html" for name in "abcde"])
    assert page.count("data:image/svg+xml;base64,") == 2
    assert '<a href="b.html">digits</a>' in page
    assert re.search(r"<td data-head=\"mean rank\"[^>]*><span>1.20</span>", page)
    assert "--dataset mnist --dataset digits" in page


def test_what_a_study_file_says_is_escaped():
    page = export_across(on_each(*STEPS[:3], claims=[Claim(EVIL, "a", "b", "test_accuracy")], question=EVIL), "html")
    assert "<script" not in page


def test_csv_has_a_row_for_each_comparison_in_plain_numbers(across):
    head, first, *others = export_across(across, "csv").splitlines()
    assert head == "claim,against,data set,verdict,difference,low,high,pairs"
    assert first.startswith("a beats b,b,mnist,supported,0.01775")
    assert len(others) == 9


def test_every_format_is_written_beside_the_reports_of_each(across, tmp_path):
    paths = export_all_across(across, tmp_path)
    stem = "s-default-across-mnist-digits-fashion_mnist-wine-cifar10"
    assert [path.name for path in paths] == [f"{stem}.{kind}" for kind in ("html", "pdf", "md", "csv", "tex", "json")]
    starts = [path.read_bytes()[:5] for path in paths]
    assert starts[:3] == [b"<!doc", b"%PDF-", b"# Is "]
    assert json.loads(paths[-1].read_text())["answer"] == across.answer


def test_an_unknown_format_is_refused(across):
    with pytest.raises(UsageError, match="--format must be one of html, pdf, md, csv, tex, json, got 'doc'"):
        export_across(across, "doc")


def test_without_claims_the_arms_are_the_report():
    text = export_across(on_each(0.02, 0.03, claims=(), arms="ab"), "md")
    assert "Best mean test accuracy: a on 2 of 2 data sets" in text
    assert "## Arms by test accuracy" in text
    assert "## Claims" not in text
