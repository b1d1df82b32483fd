"""The report on replications, in every format."""

import json

import pytest

from dlstudy.analysis.replications import compare_replications
from dlstudy.analysis.results import SCHEMA
from dlstudy.report.blocks import Mood
from dlstudy.report.export import FORMATS
from dlstudy.report.replications import export_replications, replications_tables, write_replications
from tests.analysis.test_replications import replication


@pytest.fixture(scope="module")
def replications():
    return compare_replications([replication(1, 0.1), replication(2, -0.1, rate=0.25)])


def test_the_tables_put_replications_side_by_side(replications):
    answers, claims, differences, figures, winners = replications_tables(replications)
    assert [row[0] for row in answers.rows] == ["default", "replication=2"]
    assert claims.heads == ["claim", "replication 1", "replication 2", "verdicts"]
    assert claims.rows[0] == ["1. a beats b", "supported", "contradicted", "opposite"]
    assert [cell.mood for cell in claims.rows[0][1:]] == [Mood.GOOD, Mood.BAD, Mood.BAD]
    row = dict(zip(differences.heads, differences.rows[0], strict=True))
    assert row["claim"] == "1 against b"
    assert row["replication 1"].startswith("+0.1000 (+0.09")
    assert row["sd"] == "0.14"  # sqrt(0.2**2 / 2)
    assert figures.rows[0][3:] == ["0.9500: compatible"] * 2 + ["same"]
    assert winners.rows[0] == ["a", "rate 0.5 (1.0000)", "rate 0.25 (0.8000)"]


def test_the_page_links_to_the_report_of_each_replication(replications):
    page = export_replications(replications, "html")
    for name in ("s-default.html", "s-replication%3D2.html"):
        assert f'href="{name}"' in page
    assert replications.answer in page
    assert "nothing about other data" in page


def test_json_holds_everything_and_says_its_schema(replications):
    data = json.loads(export_replications(replications, "json"))
    assert (data["schema"], data["study"]) == (SCHEMA, "s")
    assert (data["variants"], data["answer"]) == (["default", "replication=2"], replications.answer)
    assert data["claims"][0]["agreement"] == "opposite"
    assert data["claims"][0]["pairs"][0]["means"] == pytest.approx([0.1, -0.1])
    assert data["arms"][1]["winners"] == [{"rate": 0.5}, {"rate": 0.25}]


def test_every_format_is_written(replications, tmp_path):
    paths = write_replications(replications, tmp_path / "reports")
    assert [path.name for path in paths] == [f"s-default-replications.{kind}" for kind in FORMATS]
    assert all(path.stat().st_size > 100 for path in paths)
    assert (tmp_path / "reports" / "s-default-replications.csv").read_text().splitlines()[1] == (
        "1. a beats b,supported,contradicted,opposite"
    )
