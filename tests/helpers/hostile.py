"""Texts that would be markup, code or a formula in some face of a report, and a study made of them."""

from dataclasses import replace

from dlstudy.analysis.results import Check, StudySummary
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim, Reported
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up

EVIL = (
    "<script>alert(1)</script> a|b 'single' \"double\" `tick` *star* _under_ [link](x) ![i](y) & #hash <!-- \\ $\\cup "
    '#read("/etc/passwd") \\input{/etc/passwd} ${x}^2$ 50 % ~ 😀'
)
METRIC = f"test_{EVIL[:190]}"
FORMULA = '=HYPERLINK("http://example.org","x")'
NAN = float("nan")
DIVERGED = {
    "state": "diverged",
    "metrics": {"val_loss": NAN, METRIC: 0.5},
    "history": {"val_loss": [0.5, None]},
    "cost": {"seconds": float("inf")},
}


def hostile_summary() -> StudySummary:
    """A study whose every text is hostile: question, claims, metric, settings, reasons, notes, remarks, scope."""
    claims = [Claim(EVIL, better="a", than="b", metric="test_accuracy"), Claim("no tuning", untestable=EVIL)]
    reported = [figure("0.9100"), figure("0.99", setting={"optimizer": EVIL}), figure("0.5", arm="b", place=EVIL)]
    reported.append(Reported("b", METRIC, "0.5"))
    paper = Arm.from_results("paper", {"test_accuracy": [0.9, 0.91]}, source=EVIL)
    study = make_study(question=f"Is it {EVIL}?", seeds=6, reported=reported, claims=claims, elsewhere=[paper])
    history = {"val_accuracy": [0.5, 0.8], "val_loss": [0.6, 0.4]}
    a, b = [0.920, 0.931, 0.939, 0.930, 0.925, 0.935], [0.900, 0.910, 0.920, 0.909, 0.906, 0.915]
    trials = [
        *runs_of(study, "a", "reported", [0.909, 0.910, 0.911]),
        *runs_of(study, "b", "reported", [0.909, 0.910, 0.911]),
        *runs_of(study, "a", "replicate", a, history=history, run_id="r1"),
        *runs_of(study, "b", "replicate", b, history=history),
        make_trial(study, "b", "search", 1, state="failed", reason=EVIL),
        make_trial(study, "b", "search", 2, **DIVERGED),
        make_trial(study, "b", "search", 3, result=None, ended_s=None),
        make_trial(study, "b", "search", 4, {"rate": 0.1, "kind": FORMULA}, state="lost", reason=FORMULA),
    ]
    return replace(
        sum_up(study, trials), answer=f"The answer: {EVIL}.", scope=f"on {EVIL}", notes=[EVIL], remarks=[EVIL],
        crossings=[EVIL], pairing=[EVIL], checks=[Check("a", "edge", False, EVIL)], made_with={EVIL: EVIL},
    )  # fmt: skip
