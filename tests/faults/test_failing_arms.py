"""A real run of a study some of whose arms fail."""

import json
import sqlite3
from pathlib import Path

from dlstudy.cli.app import main
from dlstudy.runner import session
from tests.helpers import failing_study
from tests.helpers.failing_study import ENDS
from tests.helpers.full_form import FULL

FAILING = Path(failing_study.__file__)


def test_a_failing_arm_costs_the_others_nothing_and_is_seen_everywhere(tmp_path, monkeypatch, capsys):
    """A real run: an arm that kills its worker, one that fails, one that diverges, and one that is fine beside them."""
    kinds = list(ENDS) if FULL else ["raises", "loss is nan", "other metric", "moves", "fine"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "check_arms", lambda *_: [])  # as if one step had not shown it
    text = FAILING.read_text().rpartition("STUDY = ")[0]
    Path("failing_study.py").write_text(f"{text}STUDY = study({['dies', *kinds]!r})\n")
    code = main(["run", "failing_study.py", "--workers", "2"])
    out, err = capsys.readouterr()
    assert code == 1, err
    assert "Traceback" not in out + err

    reasons = {kind.replace(" ", "-"): ENDS[kind] for kind in kinds if kind in ENDS}
    reasons |= {"other-metric": ("failed", "the model gives no metric val_accuracy: it gives ")} if not FULL else {}
    rows = {(row["phase"], row["arm"]): row for row in status(capsys)}
    for arm, (state, reason) in reasons.items():
        row = rows["search", arm]
        assert (row["done"], row["diverged"], row["failed"]) == (
            int(state != "failed"), int(state == "diverged"), int(state == "failed")
        )  # fmt: skip
        assert row["why"].startswith(reason if state == "failed" else "")
        assert f"{reason[:60]}" in " ".join(out.split())
    assert "ended with exit code 7: last words" in rows["search", "dies"]["why"]
    assert [rows["replicate", arm]["done"] for arm in ("fine", "moves")] == [1, 1]

    assert main(["report", "failing_study.py", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    found = {
        (trial["arm"], trial["state"]): trial["reason"] for trial in report["trials"] if trial["phase"] == "search"
    }
    assert all(found[arm, state].startswith(reason) for arm, (state, reason) in reasons.items())
    assert sum(trial["arm"] == "dies" for trial in report["trials"]) == 2, "one try, and one more"
    assert main(["report", "failing_study.py"]) == 0
    report_text = capsys.readouterr().out
    assert "ended with exit code 7: last words" in report_text
    assert "recovered by another try" not in report_text

    with sqlite3.connect("mlruns/mlflow.db") as database:
        tags = dict(database.execute(
            "select a.value, r.value from tags a join tags r using (run_uuid) join tags p using (run_uuid) "
            "where a.key = 'dlstudy.arm' and r.key = 'dlstudy.reason' and p.value = 'search'"
        ))  # fmt: skip
        (running,) = database.execute("select count(*) from runs where status = 'RUNNING'").fetchone()
    assert running == 0
    assert all(tags[arm].startswith(reason) for arm, (state, reason) in reasons.items() if state != "finished")
    assert "last words" in tags["dies"]


def status(capsys):
    assert main(["status", "failing_study", "--json"]) == 0
    return json.loads(capsys.readouterr().out)
