"""Search spaces, as a summary holds them and as a report gets them."""

from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.report.figures.search import slices_png
from dlstudy.report.spaces import spaces
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import build, make_study, make_trial, resolved, sum_up

SPACE = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.0, 0.5, step=0.1),
    "units": IntDistribution(16, 64, step=16),
    "kind": CategoricalDistribution(["open('x')", "$\\cup", None, True, 0.5]),
}


def test_spaces_come_back_as_the_study_has_them():
    arms = [Arm("many", space=SPACE), Arm("none", setting={"fixed": 1})]
    study = resolved(Study(question="?", dataset="digits", build=build, arms=arms))
    tuned = {"rate": 0.1, "share": 0.1, "units": 32, "kind": "open('x')"}
    summary = sum_up(study, [make_trial(study, "many", "search", value=0.5, tuned=tuned)])
    assert spaces(summary) == {"many": SPACE, "none": {}}
    assert slices_png(summary) is not None


@pytest.mark.parametrize("name", ["open", "os.system", "FloatDistribution(low=open('x'))"])
def test_nothing_but_a_distribution_of_optuna_is_made(name):
    summary = sum_up(make_study(), [])
    stored = {"a": {"rate": {"name": name, "attributes": {"file": "x"}}}}
    with pytest.raises(ValueError, match="Unknown distribution class"):
        spaces(replace(summary, protocol={**summary.protocol, "spaces": stored}))
