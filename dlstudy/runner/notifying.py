"""Notifications of a run: it has ended, it has failed, or it stands still. Apprise sends them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dlstudy.common.text import one_line
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.study.events import Listener, Totals
from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["Notifier", "StandstillWatch"]

_STILL_S = 900.0
"""A run in which nothing has happened for this long stands still."""


class Notifier:
    """Tells an address how a run goes; it tells nothing where there is none."""

    def __init__(self, url: str | None, say: Callable[[str], None]) -> None:
        """Checks the address, and sends nothing.

        Args:
            url: one of Apprise's, such as `ntfy://TOPIC` or `mailto://USER:PASSWORD@HOST`; None for no address.
            say: shows a line where a notification cannot be sent.

        Raises:
            UsageError: Apprise is not installed, or does not know such an address. The address, which may hold a
                password, is not in the message.
        """
        self._say = say
        self._service = None if url is None else _service(url)

    def send(self, title: str, text: str) -> None:
        """Sends a notification; the run goes on where that is not possible."""
        if self._service is not None and not self._service.notify(title=title, body=text):
            self._say(f"the notification could not be sent (--notify): {title}")

    @contextmanager
    def around(self, study: str) -> Iterator[Callable[[str], None]]:
        """Tells how what is inside ends, unless it is stopped by Ctrl-C; yields what takes the text of a good end."""
        told: list[str] = []
        try:
            yield told.append
        except DlstudyError as error:
            self.send(f"dlstudy: {study} has failed", one_line(str(error), 1_000))
            raise
        self.send(f"dlstudy: {study} has ended", "\n".join(told))


class StandstillWatch(Listener):
    """Tells, once each time, that nothing has happened in a run for a quarter of an hour."""

    def __init__(self, study: str, notifier: Notifier) -> None:
        self._study, self._notifier = study, notifier
        self._heard_s, self._is_told = time.monotonic(), False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Something happens."""
        self._hear()

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Something happens."""
        self._hear()

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Something happens."""
        self._hear()

    def close(self) -> None:
        """Watches no more."""
        self._is_over.set()
        self._thread.join()

    def _hear(self) -> None:
        self._heard_s, self._is_told = time.monotonic(), False

    def _watch(self) -> None:
        while not self._is_over.wait(_STILL_S / 10):
            still_s = time.monotonic() - self._heard_s
            if still_s > _STILL_S and not self._is_told:
                self._is_told = True
                text = f"no trial has begun, ended or trained an epoch for {still_s / 60:.0f} minutes"
                self._notifier.send(f"dlstudy: {self._study} stands still", text)


def _service(url: str) -> Any:  # Any: Apprise's
    try:
        import apprise
    except ImportError:
        raise UsageError("--notify needs Apprise: pip install 'dlstudy[notify]'") from None
    service = apprise.Apprise()
    if not service.add(url):
        raise UsageError("--notify must be an address that Apprise knows, such as ntfy://TOPIC, got another")
    return service
