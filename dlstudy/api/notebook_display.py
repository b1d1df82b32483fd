"""A notebook as the place where runs are shown: one table that is updated in place."""

import html
import sys
import time
from collections.abc import Mapping
from typing import Any

from dlstudy.api.progress import Display, View
from dlstudy.common.text import one_line
from dlstudy.study.events import Totals

__all__ = ["NotebookDisplay", "in_notebook"]

_SHORTEST_S = 0.25
"""Between two updates: a browser that draws for every trial of a small model would lag behind."""


def in_notebook() -> bool:
    """Whether this is a notebook's kernel, which can show HTML; IPython in a terminal is none."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return hasattr(shell, "kernel")


class NotebookDisplay(Display):
    """Shows each run as a table below the cell."""

    def view(self) -> View:
        """A table, which appears with the first line or trial."""
        return _LiveTable()

    def say(self, line: str, style: str = "") -> None:
        """Prints a line below the cell."""
        print(line, flush=True)


class _LiveTable(View):
    """What was said, a row for each phase and arm, and the trial that ended last."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._totals: Totals = {}
        self._best: Mapping[tuple[str, str], str] = {}
        self._line = ""
        self._handle: Any = None  # Any: IPython's DisplayHandle
        self._shown_s = float("-inf")

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        self._totals, self._line, self._best = dict(totals), line or self._line, dict(best)
        if time.monotonic() - self._shown_s >= _SHORTEST_S:
            self._show()

    def say(self, line: str) -> None:
        self._said.append(line)
        self._show()

    def close(self) -> None:
        if self._handle is not None:
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        content = HTML(self._html())
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)
        self._shown_s = time.monotonic()

    def _html(self) -> str:
        lines = [f"<div>{_escaped(line)}</div>" for line in self._said]
        if self._totals:
            rows = [
                f"<tr><td>{_escaped(phase)}</td><td>{_escaped(arm)}</td>"
                f'<td><progress value="{done}" max="{wanted}"></progress> {done} of {wanted}</td>'
                f"<td>{_escaped(self._best.get((phase, arm), ''))}</td></tr>"
                for (phase, arm), (done, wanted) in self._totals.items()
            ]
            heads = "<tr><th>phase</th><th>arm</th><th>trials</th><th></th></tr>"
            lines += [f"<table>{heads}{''.join(rows)}</table>", f"<div>{_escaped(self._line)}</div>"]
        return "\n".join(lines)


def _escaped(text: str) -> str:
    return html.escape(one_line(text))
