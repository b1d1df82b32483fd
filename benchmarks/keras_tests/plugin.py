"""A pytest plugin that notes what becomes of each test, and how its models were trained."""

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

NOTES, OURS = "KERAS_TESTS_NOTES", "KERAS_TESTS_OURS"
"""Variables of the environment: the file of the notes; set where our training takes the place of Keras's, to `compare`
where Keras then trains again."""

_reports: list[Any] = []


def pytest_configure(config: Any) -> None:
    """Stands in for the `conftest.py` of Keras's repository, which its wheel lacks."""
    for name in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{name}: of Keras")
    conftest: Any = types.ModuleType("conftest")
    conftest.skip_if_backend = lambda name, reason: pytest.mark.skipif(name == "tensorflow", reason=reason)
    sys.modules["conftest"] = conftest
    if ours := os.environ.get(OURS):
        from benchmarks.keras_tests import training

        training.compares = ours == "compare"
        training.replace()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Skips tests that need several devices."""
    for item in items:
        if "multi_device" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs several devices"))


def pytest_collectreport(report: Any) -> None:
    """Notes a file that cannot be imported."""
    if report.failed:
        _note(report.nodeid, "not collected", report.longreprtext.strip().splitlines()[-1], [])


def pytest_runtest_logstart() -> None:
    """Begins a test."""
    _reports.clear()
    if training := sys.modules.get("benchmarks.keras_tests.training"):
        training.calls.clear()


def pytest_runtest_logreport(report: Any) -> None:
    """Takes the report of a phase of a test."""
    _reports.append(report)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Notes a test."""
    failed = next((report for report in _reports if report.failed), None)
    outcome = "failed" if failed else "skipped" if any(report.skipped for report in _reports) else "passed"
    training = sys.modules.get("benchmarks.keras_tests.training")
    _note(nodeid, outcome, _reason(failed) if failed else "", list(training.calls) if training else [])


def _reason(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return " ".join((crash.message if crash else report.longreprtext).split())[:300]


def _note(test: str, outcome: str, reason: str, calls: list[Any]) -> None:
    with Path(os.environ[NOTES]).open("a") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, "reason": reason, "calls": calls}) + "\n")
