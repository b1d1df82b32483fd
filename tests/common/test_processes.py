"""Processes that are started by spawn, and the signals of a run."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dlstudy.common.processes import ask, ask_in_time, main_module_left_out, stopping_signals
from dlstudy.errors import DlstudyError

SCRIPT = """
import math
import multiprocessing
from dlstudy.common.processes import ask, main_module_left_out

print("main", __name__, flush=True)

def start():
    process = multiprocessing.get_context("spawn").Process(target=math.sqrt, args=(4.0,))
    process.start()
    process.join()

if __name__ == "__main__":
    print(ask(math.factorial, 5))
    with main_module_left_out():
        start()
        import threading
        thread = threading.Thread(target=start)  # which is another's
        thread.start()
        thread.join()
"""


def test_only_the_thread_that_asks_leaves_the_main_module_out(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["main __main__", "120", "main __mp_main__", ""]


def test_what_starts_processes_is_restored():
    from multiprocessing import spawn

    before = spawn.get_preparation_data
    with main_module_left_out():
        assert spawn.get_preparation_data is not before
    assert spawn.get_preparation_data is before


def test_a_process_that_was_asked_raises_what_the_function_raised():
    with pytest.raises(ValueError, match="math domain error"):
        ask(_root, -1.0)


def _root(x):
    import math

    return math.sqrt(x)


def test_signals_stop_the_main_thread_once_and_are_restored():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stopping_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interactive_python_keeps_its_handler_for_a_second_signal(monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    before = signal.getsignal(signal.SIGINT)
    with stopping_signals():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone():
    seen = []

    def look():
        with stopping_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def begin_another(path):
    """Starts a process that lives on, notes its number, and does not end."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path.write_text(str(other.pid))
    time.sleep(600)


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_what_does_not_end_in_time_is_killed_with_all_that_it_started(tmp_path):
    path, begun = tmp_path / "pid", time.monotonic()
    with pytest.raises(DlstudyError, match="it did not end within 3 s"):
        ask_in_time(begin_another, path, timeout_s=3.0)
    assert time.monotonic() - begun < 60
    assert not is_alive(int(path.read_text()))


def test_an_answer_in_time_is_returned_and_a_death_is_an_error():
    assert ask_in_time(math.factorial, 5, timeout_s=60.0) == 120
    with pytest.raises(DlstudyError, match="the process that ran _exit died"):
        ask_in_time(os._exit, 3, timeout_s=60.0)
