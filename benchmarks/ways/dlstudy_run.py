"""dlstudy: `dlstudy run` of a study whose six arms are the six settings, with record, MLflow and report.

The study file is copied under another name each round: seeds come from a study's name, so every round has its own.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.ways.common import job, settings, tell

STUDY = Path(__file__).parents[1] / "studies" / "six_settings.py"


def main() -> int:
    given = job()
    study = given.path / f"six_settings_{given.seed}.py"
    shutil.copy(STUDY, study)
    command = ["dlstudy", "run", str(study), "--phase", "search", "--home", str(given.path / "home"), "--json"]
    # The study's own protocol is the whole job; `--quick` is the short one: 6,000 rows, 500 of them validate, 2 epochs.
    short = ["--quick"] if given.validation != 5_000 else []
    done = subprocess.run([sys.executable, "-m", *command, *short], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return done.returncode
    names = {arm_name(name): name for name in settings()}
    trials = json.loads(done.stdout)["trials"]
    tell({names[trial["arm"]]: trial["metrics"]["val_accuracy"] for trial in trials})
    return 0


def arm_name(setting: str) -> str:
    """`SGD 0.01` as an arm is called: `sgd-0.01`."""
    return setting.lower().replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
