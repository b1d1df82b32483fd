"""`dlstudy register`: the plan of a study, written before it is run."""

import shlex
import sys
from pathlib import Path

from dlstudy.analysis.registration import plan_of
from dlstudy.common.files import write_whole
from dlstudy.errors import UsageError
from dlstudy.report.export import as_json
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.training.study_rows import with_rows

__all__ = ["register_plan"]


def register_plan(name: str, request: Request, output: Path | None, home: Home) -> None:
    """Writes the plan of a study as JSON, for people and for `dlstudy run --registered`; prints it without a file.

    Raises:
        UsageError: the file cannot be written.
    """
    text = as_json(plan_of(resolve(with_rows(loader.load(loader.find(name, home.studies))), request)))
    if output is None:
        sys.stdout.write(text)
        return
    try:
        write_whole(output, text)
    except OSError as error:
        raise UsageError(f"the plan cannot be written to {output} ({error.strerror}): name another --output") from error
    where = "" if home.is_usual else f" --home {shlex.quote(str(home.root))}"
    words = f"dlstudy run {shlex.quote(name)} --registered {shlex.quote(str(output))}{where}"
    print(f"{output}: give it to `{words}`; keep it where its time is known, as in git")
