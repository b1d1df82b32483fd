"""What must not happen whatever a page, a model, a name or a text says: see SECURITY.md."""

import ast
import base64
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dlstudy.api.progress import ProgressView
from dlstudy.api.terminal import make_view
from dlstudy.cli import console, tensorboard
from dlstudy.cli.app import main
from dlstudy.cli.serving import own_hosts
from dlstudy.datasets import package_index
from dlstudy.errors import RecordError, StudyError
from dlstudy.report.blocks import Table
from dlstudy.report.export import FORMATS, as_json, export
from dlstudy.runner.session import Outcome
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.phases import Direction
from dlstudy.study.record_name import RecordName
from dlstudy.study.variant import Variant
from dlstudy.tracking.pages import as_markdown
from dlstudy.training.saved_models import load_model
from tests.helpers.builders import RATE
from tests.helpers.full_form import also_in_full_form
from tests.helpers.hostile import hostile_summary

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def serving(*command):
    """The port that a command of dlstudy serves on, until the end."""
    arguments = [sys.executable, "-m", "dlstudy", *command, "--no-open", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline()
            assert "Ctrl-C" in server.stdout.readline()
            yield int(address.split(":")[2].split("/")[0])
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with an MLflow store that has one experiment, and with one search."""
    home = Home.at(tmp_path_factory.mktemp("home"))
    make = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).create_experiment('tiny')"
    command = [sys.executable, "-c", make, f"sqlite:///{home.mlflow_db}"]
    subprocess.run(command, check=True, capture_output=True)
    arm = ArmRecord(Record.open(home), RecordName.parse("tiny/default/a/search"), Direction.MAXIMIZE)
    arm.keep_definition({"metric": "val_accuracy"})
    arm.begin(0, 7, {"rate": 0.1}, {"rate": 0.1}, RATE)
    return home


@pytest.fixture(scope="module")
def mlflow(home):
    with serving("ui", "--home", str(home.root)) as port:
        yield port


@pytest.fixture(scope="module")
def dashboard(home):
    with serving("dashboard", "--home", str(home.root)) as port:
        yield port


def status(port, method, path, host=None, origin=None, body=None):
    """The status that a server answers with."""
    headers = {"Host": f"127.0.0.1:{port}" if host is None else host, "Content-Type": "application/json"}
    headers |= {} if origin is None else {"Origin": origin}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def other_addresses():
    """Addresses of this machine but 127.0.0.1: the rest of that network, and the one that others see, if any."""
    found = {"127.0.0.2"} if sys.platform == "linux" else set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        found.add(probe.getsockname()[0])
    return found - {"127.0.0.1"}


@pytest.mark.parametrize("server", ["dashboard", *also_in_full_form("mlflow")])
def test_a_server_cannot_be_reached_through_another_address(server, request):
    port = request.getfixturevalue(server)
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    for address in other_addresses():
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, port), timeout=2).close()


SERVERS = {
    "mlflow": "/api/2.0/mlflow/experiments/get-by-name?experiment_name=tiny",
    "dashboard": "/api/studies",
}
FOREIGN_HOSTS = (
    "evil.example:{port}", "10.evil.example", "192.168.evil.example:{port}", "127.0.0.1.evil.example:{port}",
    "localhost.evil.example", "0.0.0.0:{port}", "127.0.0.1:1", "127.0.0.1@evil.example:{port}", "",
)  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_answers_to_its_own_names_alone(server, request):
    port, path = request.getfixturevalue(server), SERVERS[server]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert status(port, "GET", path, host) == 200
    for host in FOREIGN_HOSTS:
        assert status(port, "GET", path, host.format(port=port)) in (400, 403), host


CHANGES = {
    "mlflow": ("POST", "/api/2.0/mlflow/experiments/create", json.dumps({"name": "owned"})),
    "dashboard": ("DELETE", "/api/studies/0", None),
}
FOREIGN_ORIGINS = ("http://evil.example", "https://127.0.0.1.evil.example", "http://10.evil.example", "null", "file://")


@pytest.mark.parametrize("server", CHANGES)
def test_a_page_from_elsewhere_changes_nothing(server, request):
    port = request.getfixturevalue(server)
    method, path, body = CHANGES[server]
    for origin in FOREIGN_ORIGINS:
        assert status(port, method, path, origin=origin, body=body) == 403, origin
    assert status(port, "GET", SERVERS[server], origin=f"http://127.0.0.1:{port}") == 200
    if server == "dashboard":
        assert status(port, "GET", "/api/studies/0?after=0") == 200
    # What was refused works from the server's own page: the refusal was no accident.
    assert status(port, method, path, origin=f"http://127.0.0.1:{port}", body=body) in (200, 204)


def test_port_80_goes_without_saying():
    assert own_hosts(80) == ("127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost")
    assert own_hosts(5000) == ("127.0.0.1:5000", "localhost:5000")


def calling(function, path, folder):
    """Saves an estimator whose file asks to call a function with a path when it is loaded."""
    import skops.io
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    model.extra_ = (str(path),)
    skops.io.dump(model, folder / "model.skops")
    with zipfile.ZipFile(folder / "model.skops") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    attributes = schema["content"]["content"]
    module, _, name = function.rpartition(".")
    call = {"__class__": name, "__module__": module, "__loader__": "ConstructorFromReduceNode", "__id__": 1}
    attributes["extra_"] = {**call, "content": attributes["extra_"]}
    files["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


FUNCTIONS = (
    "sklearn.datasets._base.clear_data_home", "sklearn.datasets._base.urlretrieve", "sklearn.datasets._base.Path",
    "sklearn.utils._testing.rmtree", "sklearn.nothing.at_all", "dlstudy.scratch.arrays.np", "posix.rmdir",
    "dlstudy.common.processes.ask", "builtins.eval",
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_model_that_asks_for_a_function_is_refused_and_calls_nothing(tmp_path, function):
    import skops.io

    precious = tmp_path / "precious"
    precious.mkdir()
    calling(function, precious, tmp_path)
    with pytest.raises(RecordError, match=rf"needs {re.escape(function)}: only classes of scikit-learn are loaded"):
        load_model(tmp_path, "")
    assert precious.exists()
    if function.endswith("clear_data_home"):  # the proof that it would have been called
        skops.io.load(tmp_path / "model.skops", trusted=[function])
        assert not precious.exists()


def test_classes_that_fitted_estimators_need_are_loaded(tmp_path):
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier

    from dlstudy.scratch.perceptron import Perceptron

    x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 10, [0, 1, 1, 1] * 10
    for kind in (
        RandomForestClassifier,
        HistGradientBoostingClassifier,
        KNeighborsClassifier,
        MLPClassifier,
        Perceptron,
    ):
        model = kind(**({"max_iter": 1000} if kind is MLPClassifier else {})).fit(x, y)
        skops.io.dump(model, tmp_path / "model.skops")
        assert load_model(tmp_path, "").predict(x).tolist() == model.predict(x).tolist()


CONFIGS = (
    {"module": "builtins", "class_name": "function", "config": "eval"},
    {"module": "os", "class_name": "function", "config": "system"},
    {"module": "own_module", "class_name": "function", "config": "f"},
    {"module": "own_module", "class_name": "C", "config": {}},
    {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "get_file"},
    {"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"},
    {"module": "keras.src.saving.serialization_lib", "class_name": "enable_unsafe_deserialization", "config": {}},
    {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
)


def test_a_keras_file_that_asks_for_other_code_is_refused(keras_at_rest, tmp_path, monkeypatch):
    import keras

    (tmp_path / "own_module.py").write_text("raise SystemExit('this was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "data" / "model.keras"
    file.parent.mkdir()
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="relu")]).save(file)
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    whole = files["config.json"]
    assert load_model(tmp_path, "").count_params() == 3
    for config in CONFIGS:
        files["config.json"] = whole.replace(b'"relu"', json.dumps(config).encode())
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        with pytest.raises(RecordError, match=r"the model in .* cannot be loaded: "):
            load_model(tmp_path, "")
    assert "own_module" not in sys.modules


def test_a_model_in_place_of_the_one_that_was_saved_is_refused(tmp_path):
    import hashlib

    import skops.io
    from sklearn.linear_model import LinearRegression

    file = tmp_path / "model.skops"
    skops.io.dump(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert load_model(tmp_path, digest).coef_ == pytest.approx([1])
    skops.io.dump(LinearRegression().fit([[1.0], [2.0]], [1.0, 3.0]), file)  # as good a model as the other
    with pytest.raises(RecordError, match=r"the model in .* is not the one that the study saved: .* with --fresh"):
        load_model(tmp_path, digest)


FORBIDDEN = re.compile(
    r"^((pickle|joblib|dill|marshal|shelve)\.loads?|pickle\.Unpickler|yaml\.load|eval|exec|os\.(system|popen)|"
    r"tempfile\.mktemp|extractall|extract)$"
)


def test_no_code_of_ours_loads_a_pickle_freely_or_asks_a_shell():
    found = []
    for path in [*(ROOT / "dlstudy").rglob("*.py"), *(ROOT / "studies").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name, keywords = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            if (
                FORBIDDEN.match(name)
                or FORBIDDEN.match(name.rpartition(".")[2])
                or keywords.get("shell") == "True"
                or keywords.get("safe_mode", "True") != "True"
                or (name == "np.load" and keywords.get("allow_pickle") != "False")
            ):
                found.append((path.name, name))
    # A study file is code, and says so; so is one that `dlstudy.run` has packed into the user's own results folder.
    assert found == [("loader.py", "exec"), ("loader.py", "pickle.loads")]


NAMES = ("../..", "../../x", "..", "/etc", "default~../../x", "a\x1b[31m", "-", "`id`", "$(id)", "a b")
COMMANDS = (
    ("report", "{study}", "--variant"), ("predict", "{study}", "--variant"), ("predict", "{study}", "--arm"),
    ("show", "{study}", "--arm"), ("run", "{study}", "--arm"), ("run", "{study}", "--dataset"),
    ("run", "{study}", "--phase"), ("data", "show"), ("data", "fetch"), ("data", "verify"), ("dashboard",),
    ("report", "{study}", "--format"), ("plan",), ("report",), ("ui",),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_become_neither_paths_nor_commands(tiny, tmp_path, monkeypatch, capsys, name):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    monkeypatch.setenv("DLSTUDY_HOME", str(tmp_path / "mlruns"))
    before = sorted(tmp_path.rglob("*"))
    for command in COMMANDS:
        words = [word.format(study=tiny) for word in command]
        # After -- a name is no option, whatever it begins with.
        assert main([*words, *(["--", name] if len(command) == 1 else [name])]) == 2, words
        assert len(capsys.readouterr().err.splitlines()) <= 3
    assert sorted(tmp_path.rglob("*")) == before


def test_tensorboard_looks_into_no_folder_outside_the_home(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(tensorboard, "serve_until_stopped", lambda *_: pytest.fail("served"))
    for name in ("..", "../..", "/", str(tmp_path)):
        with pytest.raises(StudyError, match="a study's name must be 1 to 64 letters"):
            tensorboard.serve_tensorboard(name, Home.at(tmp_path / "home"), 6006, open_browser=False)


STEERING = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5mblink\r\x08\u202eevil\u2066 [bold]b[/bold] \u200bx"


def test_texts_steer_no_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    summary = hostile_summary()
    steering = {"question": STEERING, "answer": STEERING, "scope": STEERING, "notes": [STEERING], "remarks": [STEERING]}
    summary = replace(summary, **steering)
    terminal = console.make_console()
    assert terminal.is_terminal
    console.print_outcome(terminal, Outcome(summary, 1, [], [STEERING]), [STEERING])
    console.print_table(terminal, Table(STEERING, [STEERING], [[STEERING]], STEERING))
    with ProgressView(make_view(terminal), Direction.MAXIMIZE) as progress:
        progress.say(STEERING)
    console.print_rows([{STEERING: STEERING}], STEERING, [STEERING], False, STEERING)
    console.print_rows([{"a": STEERING}], STEERING, ["a"], True)
    for kind in ("md", "csv", "tex", "json"):
        sys.stdout.write(export(summary, kind))
    output = capsys.readouterr().out
    assert output.count("[bold]b[/bold]") > 10
    rest = re.sub(r"\x1b\[[0-9;]*m", "", output)  # rich's own colours, of which the texts hold none
    assert "\x1b[31mred" not in output
    assert set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rest)) <= {"\r"}  # of CSV


def test_what_pip_says_is_printable(tmp_path):
    assert package_index._run(["printf", r"ERROR: \033[31mred\n"], tmp_path / "log") == (0, "ERROR: red\n")


@pytest.mark.parametrize(("text", "cell"), [
    ("\x00=1+1", "'=1+1"), (" @SUM(A1)", "' @SUM(A1)"), ("\uff1d1+1", "'\uff1d1+1"), ("\x1b[31m=red", "'=red"),
])  # fmt: skip
def test_no_cell_is_a_formula_whatever_stands_before_it(text, cell):
    from dlstudy.report.formats.csv_tables import table_csv

    assert table_csv(Table("", ["a"], [[text]])) == f"a\r\n{cell}\r\n"


def test_json_spells_control_characters_out():
    assert as_json({"a": "\x1b\x9b\x7fé"}) == '{\n  "a": "\\u001b\\u009b\\u007fé"\n}\n'
    assert json.loads(as_json({"a": STEERING})) == {"a": STEERING}


def test_the_description_in_mlflow_is_no_markup():
    text = as_markdown("![x](http://evil.example) <img src=x onerror=alert(1)> [a](javascript:b)\n# c `d` | _e_")
    expected = (
        "!\\[x\\]\\(http://evil.example\\) &lt;img src=x onerror=alert\\(1\\)&gt; \\[a\\]\\(javascript:b\\) \\# c "
    )
    assert text == expected + "\\`d\\` \\| \\_e\\_"


SCRIPTS = (
    "<img src=x onerror=\"document.title='owned'\">", "<svg onload=\"document.title='owned'\">",
    "</title><script>document.title='owned'</script>", "</style><script>document.title='owned'</script>",
    "\" onmouseover=\"document.title='owned'\" x=\"", "' autofocus onfocus='document.title=1' x='",
    "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\">", "javascript:document.title='owned'",
    "<a href=\"javascript:document.title='owned'\">x</a>", "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content=\"0;url=http://evil.example/\">", "<form action=http://evil.example><input>",
    "{policy}{style}{body}", "<!--", "]]>", "<style>@import url(http://evil.example/)</style>",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_report_runs_no_script_and_asks_nobody(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    text = " ".join(SCRIPTS)
    summary = hostile_summary()
    parts = {
        "claims": [replace(claim, text=text, how=text) for claim in summary.claims],
        "reported": [replace(figure, place=text) for figure in summary.reported],
        "trials": [
            replace(trial, result=replace(trial.result, reason=text, remarks=[text], slot=text))
            if trial.result
            else trial
            for trial in summary.trials
        ],
    }
    texts = {"question": text, "answer": text, "scope": text, "notes": [text], "remarks": [text]}
    texts |= {"variant": Variant(dataset=text), "crossings": [text], "pairing": [text], "made_with": {text: text}}
    page = tmp_path / "report.html"
    page.write_text(export(replace(summary, **parts, **texts), "html"), encoding="utf-8")
    asked, said = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(bypass_csp=True)  # the escaping has to hold alone
        tab.on("request", lambda request: asked.append(request.url.partition(":")[0]))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.goto(page.as_uri())
        title = tab.title()
        tab.mouse.move(200, 200)
        tab.keyboard.press("Tab")
        n_foreign = tab.locator(
            "script, iframe, svg:not(.claim > svg), form, input, base, a[href^=javascript], [onerror], [onload]"
        ).count()
        images = tab.locator("img").evaluate_all("images => images.map(image => image.src)")
        assert tab.title() == title
        assert "owned" in title  # it shows the text, and is not what the text would make of it
        assert title != "owned"
        browser.close()
    assert n_foreign == 0
    figures = [base64.b64decode(image.removeprefix("data:image/svg+xml;base64,")) for image in images]
    tags = {element.tag.rpartition("}")[2] for figure in figures for element in ElementTree.fromstring(figure).iter()}
    assert tags <= {"svg", "defs", "style", "g", "path", "use", "text", "clipPath", "rect", "metadata", "RDF", "Work"}
    assert len(figures) > 2
    assert set(asked) <= {"file", "data"}
    assert said == []


def test_every_format_takes_any_text():
    summary = hostile_summary()
    texts = {name: STEERING + "".join(SCRIPTS) for name in ("question", "answer", "scope")}
    for kind in set(FORMATS) - {"pdf"}:
        assert export(replace(summary, **texts), kind)
