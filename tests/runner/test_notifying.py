"""Notifications: what a service receives, and that a run goes on without it."""

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dlstudy.cli.app import main
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.runner import notifying
from dlstudy.runner.notifying import Notifier, StandstillWatch
from tests.helpers.study_process import await_


@pytest.fixture
def service():
    """An address that Apprise posts JSON to, and what it has received: titles to texts."""
    received = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.setdefault(body["title"], []).append(body["message"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://user:secret@127.0.0.1:{server.server_port}/", received
        server.shutdown()


def test_a_good_end_and_a_failure_are_told_and_ctrl_c_is_not(service):
    url, received = service
    notifier = Notifier(url, pytest.fail)
    with notifier.around("good") as tell:
        tell("adam did best")
    with pytest.raises(DlstudyError), notifier.around("bad"):
        raise DlstudyError("the disk is full:\ndelete something")
    with pytest.raises(KeyboardInterrupt), notifier.around("stopped"):
        raise KeyboardInterrupt
    assert received == {
        "dlstudy: good has ended": ["adam did best"],
        "dlstudy: bad has failed": ["the disk is full: delete something"],
    }


def test_a_standstill_is_told_once_until_something_happens(service, monkeypatch):
    url, received = service
    monkeypatch.setattr(notifying, "_STILL_S", 0.2)
    with closing(StandstillWatch("slow", Notifier(url, pytest.fail))) as watch:
        for n in (1, 2):
            await_(lambda n=n: len(received.get("dlstudy: slow stands still", [])) == n)
            threading.Event().wait(0.5)
            assert len(received["dlstudy: slow stands still"]) == n
            watch.epoch(None, 1, {})
    assert received["dlstudy: slow stands still"][0].startswith("no trial has begun, ended or trained an epoch for ")


def test_a_service_that_does_not_answer_costs_a_line_and_nothing_else():
    said = []
    with Notifier("json://user:secret@127.0.0.1:1/", said.append).around("study") as tell:
        tell("done")
    assert said == ["the notification could not be sent (--notify): dlstudy: study has ended"]


@pytest.mark.parametrize("url", ["nonsense", "no-such-service://user:secret@host", ""])
def test_an_unknown_address_is_refused_before_anything_is_trained(tiny, tmp_path, url, capsys):
    assert main(["run", str(tiny), "--notify", url, "--home", str(tmp_path / "home")]) == 2
    message = capsys.readouterr().err
    assert "secret" not in message
    assert not (tmp_path / "home").exists()
    if url:
        assert "--notify must be an address that Apprise knows, such as ntfy://TOPIC" in message


def test_without_apprise_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(UsageError, match=r"--notify needs Apprise: pip install 'dlstudy\[notify\]'"):
        Notifier("ntfy://topic", print)
    Notifier(None, print).send("a", "b")
