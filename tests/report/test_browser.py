"""MLflow, Optuna's dashboard and the report in a real browser: a real run, real servers, no errors in the console."""

import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.full_form import in_full_form

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
sync_api.expect.set_options(timeout=30_000)
QUESTION = "Does a softmax net beat logistic regression?"
MLFLOWS_OWN = (
    "/mlflow/users/current",  # it asks who is logged in, also where it has no accounts
    "ResizeObserver loop completed with undelivered notifications",  # of its tables; the browser goes on
)


MADE_UP = """
import sys

from dlstudy.cli.app import main
from dlstudy.runner import session
from tests.helpers.made_up_runs import Engine

session.engine_maker = lambda *about: lambda n, decide: Engine(decide)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What a run of the tiny study leaves whose trainings are made up, in a folder with a space and a quote."""
    from tests.conftest import TINY

    folder = tmp_path_factory.mktemp("a user's folder")
    study, home = folder / "tiny.py", folder / "my runs"
    study.write_text(TINY)
    command = [sys.executable, "-c", MADE_UP, "run", str(study), "--home", str(home)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    return home


@contextmanager
def serving(*command):
    """What a command of dlstudy prints until it serves; it serves until the end."""
    arguments = [sys.executable, "-m", "dlstudy", *command, "--no-open", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(server.stdout.readline())
            assert lines[-1], "the server ended"
        try:
            yield lines
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def mlflow(home):
    """Addresses of the study's runs, and of its answer."""
    with serving("ui", "tiny", "--home", str(home)) as (runs, answer, _):
        yield runs.strip(), answer.removeprefix("The answer: ").strip()


@pytest.fixture(scope="module")
def dashboard(home):
    with serving("dashboard", "tiny", "--home", str(home)) as (address, _):
        yield address.strip()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """An empty page, large enough for whole tables; it, and what it opens, must have no errors of ours."""
    context = browser.new_context(viewport={"width": 1900, "height": 1400})
    context.set_default_timeout(60_000)
    # MLflow's assistant opens itself once for each browser, over the tables.
    once = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
    context.add_init_script(f"if (location.protocol == 'http:') {once}")
    messages = []
    context.on("console", lambda message: messages.append((message.type, f"{message.text} {message.location['url']}")))
    context.on("weberror", lambda error: messages.append(("error", str(error.error))))
    yield context.new_page()
    context.close()
    errors = [text for kind, text in messages if kind == "error" and not any(known in text for known in MLFLOWS_OWN)]
    assert errors == []


def test_the_runs_stand_by_their_names_with_columns_for_phase_arm_parameters_and_metrics(page, mlflow):
    page.goto(mlflow[0])
    for name in ("search · net · #1", "replicate · net · #0", "replicate · logistic · #5", "reported · net · #5"):
        sync_api.expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    sync_api.expect(page.get_by_text("tiny · default").first).to_be_visible()
    heads = page.locator(".ag-header-cell").all_inner_texts()
    for head in ("phase", "arm", "learning_rate", "value", "val_accuracy", "test_accuracy"):
        assert head in [text.strip() for text in heads]
    groups = page.get_by_text(re.compile(r"Group: phase: \w+, arm: \w+")).all_inner_texts()
    assert {" ".join(group.split()) for group in groups} >= {
        "Group: phase: replicate, arm: net", "Group: phase: search, arm: logistic", "Group: phase: reported, arm: net",
    }  # fmt: skip


@in_full_form
def test_the_runs_are_compared_in_charts(page, mlflow):
    page.goto(f"{mlflow[0]}&compareRunsMode=CHART")
    sync_api.expect(page.get_by_text("val_accuracy", exact=True).first).to_be_visible()
    curves = page.locator(".js-plotly-plot .scatterlayer .trace")
    sync_api.expect(curves.first).to_be_attached()
    assert curves.count() >= 3


def test_the_study_s_run_shows_its_answer_and_picture_and_opens_the_report(page, mlflow, home):
    page.goto(mlflow[1])
    sync_api.expect(page.get_by_text(QUESTION)).to_be_visible()
    sync_api.expect(page.get_by_text(re.compile("reached a mean test accuracy of")).first).to_be_visible()
    page.get_by_text("Show more", exact=True).click()
    picture = page.locator("img[src*=get-artifact]")
    sync_api.expect(picture).to_be_visible()
    assert width(picture) == 660
    with page.expect_popup() as opened:
        page.get_by_role("link", name="The full report").click()
    report = opened.value.frame_locator("iframe")
    sync_api.expect(report.get_by_role("heading", name=QUESTION)).to_be_visible()
    assert width(report.locator("img").first) > 0


def test_the_exported_report_needs_nothing_but_itself(page, home):
    asked = []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.goto((home / "reports" / "tiny" / "tiny-default.html").as_uri())
    sync_api.expect(page.get_by_role("heading", name=QUESTION)).to_be_visible()
    pictures = page.locator("img").all()
    assert [width(picture) for picture in pictures if not width(picture)] == []
    assert len(pictures) >= 1
    assert set(asked) <= {"file", "data"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_exported_report_is_accessible(browser, home, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )  # the report forbids scripts, that of the check too
    page = context.new_page()
    page.goto((home / "reports" / "tiny" / "tiny-default.html").as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_dashboard_lists_the_searches_and_draws_one(page, dashboard):
    page.goto(dashboard)
    sync_api.expect(page.get_by_text("tiny/default/logistic/search")).to_be_visible()
    sync_api.expect(page.get_by_text("tiny/default/net/replicate")).to_have_count(0)
    page.get_by_text("tiny/default/net/search").click()
    sync_api.expect(page.get_by_role("heading", name="History")).to_be_visible()
    sync_api.expect(page.locator(".js-plotly-plot .scatterlayer .points path").first).to_be_attached()
    sync_api.expect(page.get_by_text("learning_rate").first).to_be_visible()


def width(picture):
    """How wide a picture is by its file; 0 where it could not be loaded."""
    return picture.evaluate("async image => { await image.decode().catch(() => {}); return image.naturalWidth }")
