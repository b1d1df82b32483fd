"""The keywords of `dlstudy.run`, `plan` and `check`."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dlstudy
from dlstudy.api.keywords import RunKeywords, backend_of, request_of, with_keywords
from dlstudy.cli.app import app
from dlstudy.common.nesting import running_inside
from dlstudy.errors import DlstudyError, StudyError, UsageError
from dlstudy.study import loader


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"trails": 3}, "dlstudy.run has no keyword 'trails': did you mean trials?"),
        ({"verbose": 3}, "dlstudy.run has no keyword 'verbose': choose from "),
        ({"trials": 0}, "trials must be"),
        ({"trials": "3"}, "trials must be a whole number, got '3'"),
        ({"seeds": True}, "seeds must be a whole number, got True"),
        ({"seeds": 2.5}, "seeds must be a whole number, got 2.5"),
        ({"quick": "yes"}, "quick must be True or False, got 'yes'"),
        ({"home": 3}, "home must be a text, got 3"),
        ({"home": "a\nb"}, "choose another with home"),
        ({"engine": "spark"}, "engine must be one of local, inline, ray, got 'spark'"),
        ({"engine": "inline", "workers": 2}, "engine inline trains one at a time, got workers 2"),
        ({"workers": 0}, "workers must be"),
        ({"sampler": "grid"}, "sampler must be one of sobol, random, tpe, or one of Optuna's by name, got 'grid'"),
        ({"phases": "warm"}, "phases must be one of "),
        ({"phases": [1]}, r"phases must be a name or a list of names, got \[1\]"),
        ({"arms": "nobody"}, "this study has no arm 'nobody': choose from net, logistic"),
        ({"datasets": ["digits", "digits"]}, "datasets names each data set once, got digits twice"),
        ({"datasets": "nowhere"}, "nowhere"),
        ({"at_most": 9}, "at_most ends until_decided, got at_most 9 without it: add it"),
        ({"until_decided": True, "arms": ["net"]}, "until_decided runs a study as a whole, got phases or arms"),
        ({"name": "other"}, "name= is for a study that is made here, got it with '.*tiny.py': leave it out"),
        ({"registered": "none.json"}, "none.json"),
        ({"storage": "nonsense"}, "nonsense"),
        ({"replication": 0}, "replication must be"),
    ],
)  # fmt: skip
def test_a_wrong_keyword_gives_one_clear_line(tiny, tmp_path, keywords, message):
    with pytest.raises(DlstudyError, match=message) as raised:
        dlstudy.run(tiny, **{"home": tmp_path / "home", **keywords})
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "home").exists(), "a run that is refused writes nothing"


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (None, "a study is a Study, its name or the path of its file, got None"),
        (3, "got 3"),
        ("no-such-study", "no study is named 'no-such-study'"),
        ("gone.py", "no study file at 'gone.py': check the path"),
    ],
)
def test_what_is_no_study_is_refused(study, message, tmp_path):
    for call in (dlstudy.run, dlstudy.plan, dlstudy.check):
        with pytest.raises(DlstudyError, match=message):
            call(study, home=tmp_path)


def test_the_name_of_another_study_is_refused(tiny, tmp_path):
    study = loader.load(tiny).study
    with pytest.raises(UsageError, match=r"the name 'optimizers' is that of the study file .*: give .* with name="):
        dlstudy.run(study, name="optimizers", home=tmp_path)
    with pytest.raises(StudyError, match="the name of a study must be"):
        dlstudy.run(study, name="my study", home=tmp_path)


def test_a_call_within_a_run_is_refused(tiny, tmp_path):
    with (
        running_inside("a training"),
        pytest.raises(UsageError, match=r"dlstudy.plan cannot be called within a training"),
    ):
        dlstudy.plan(tiny, home=tmp_path)
    path = tmp_path / "nested.py"
    path.write_text(f"import dlstudy\ndlstudy.run({str(tiny)!r}, home={str(tmp_path)!r})\n")
    with pytest.raises(
        StudyError, match=r"nested.py, line 2: dlstudy.run cannot be called within the loading of nested.py"
    ):
        dlstudy.run(path, home=tmp_path)


def test_every_option_of_the_command_is_a_keyword():
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    renamed = {"phases": "phase", "arms": "arm", "datasets": "dataset", "tracking": "tracking-uri"}
    for name in RunKeywords.__annotations__:
        assert f"--{renamed.get(name, name.replace('_', '-'))}" in shown, name
        assert f"\n        {name}: " in dlstudy.run.__doc__, name


def test_keywords_make_the_request_and_the_backend_of_the_options():
    request = request_of(
        {"quick": True, "trials": 2, "phases": "search", "arms": ["a", "b"], "registered": "plan.json"}
    )
    assert (request.variant.quick, request.trials, request.phases, request.arms) == (True, 2, ("search",), ("a", "b"))
    assert request.registered == Path("plan.json")
    assert backend_of({"engine": "inline", "tracking": "http://127.0.0.1:1"}).tracking == "http://127.0.0.1:1"


def test_messages_speak_of_keywords_and_leave_commands_alone():
    message = "--at-most needs --phase, got a--b: run `dlstudy run x --quick`"
    assert with_keywords(message) == "at_most needs phases, got a--b: run `dlstudy run x --quick`"


def test_importing_the_names_loads_no_pandas_and_no_keras():
    code = "import sys, dlstudy; dlstudy.Study; print({'pandas', 'keras', 'tensorflow', 'mlflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
