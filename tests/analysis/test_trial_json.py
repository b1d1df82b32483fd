"""A trial as the JSON report has it."""

import dataclasses
import json

from dlstudy.analysis.trial_json import trial_json
from dlstudy.study.trial import TrainedBy
from tests.helpers.builders import make_study, make_trial


def test_a_trial_is_plain_json_with_all_that_the_record_holds():
    trial = make_trial(
        make_study(), "a", "replicate", 3, search=2, metrics={"val_accuracy": 0.5}, history={"val_accuracy": [0.5]},
        trained_by=TrainedBy.FIT, remarks=["the model runs eagerly"], value=0.5, run_id="r",
    )  # fmt: skip
    data = json.loads(json.dumps(trial_json(trial)))
    assert (data["phase"], data["arm"], data["search"], data["index"], data["number"]) == ("replicate", "a", 2, 3, 3)
    assert (data["state"], data["reason"], data["value"], data["run_id"]) == ("finished", "", 0.5, "r")
    assert (data["trained_by"], data["remarks"]) == ("fit", ["the model runs eagerly"])
    assert (data["params"], data["metrics"]) == (dict(trial.params), {"val_accuracy": 0.5})
    assert (data["history"], data["cost"], data["slot"]) == ({"val_accuracy": [0.5]}, {"seconds": 1.5}, "cpu:0")
    assert not {"key", "tuned", "setting_key", "traceback", "model"} & set(data)


def test_a_running_trial_has_no_numbers_yet():
    running = dataclasses.replace(make_trial(make_study(), "a", "search"), result=None)
    data = trial_json(running)
    assert (data["state"], data["reason"], data["metrics"], data["trained_by"]) == ("running", "", {}, None)
