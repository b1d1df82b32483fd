"""`dlstudy tensorboard`: the logs that studies wrote for TensorBoard."""

import importlib.util

from dlstudy.cli.serving import free_port, serve_until_stopped, show_page
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.home import Home
from dlstudy.study.validation import require_name

__all__ = ["serve_tensorboard"]


def serve_tensorboard(study: str | None, home: Home, port: int, open_browser: bool) -> None:
    """Serves TensorBoard with the logs of trials, until Ctrl-C.

    Raises:
        StudyError: the given text is not a study's name.
        UsageError: TensorBoard is not installed.
        RecordError: no trial has logged anything.
        DlstudyError: the server does not start.
    """
    if study is not None:
        require_name("a study's name", study)
    folder = home.files / study if study else home.files
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("TensorBoard is not installed here: pip install 'dlstudy[tensorboard]'")
    if not any(folder.glob("**/logs")):
        raise RecordError(
            f"no logs for TensorBoard in {folder}: a study logs when its callbacks ask for it and TensorBoard is "
            "installed (`dlstudy run callbacks` does)"
        )
    free = free_port(port)
    address = f"http://127.0.0.1:{free}"
    command = ["tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", str(free)]

    serve_until_stopped(command, address, lambda: show_page(address, open_browser))
