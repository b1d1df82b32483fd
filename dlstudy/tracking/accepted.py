"""What MLflow accepts: names and texts in a form that it takes, and writing that one refused item does not stop."""

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dlstudy.common.text import one_line, without_passwords

__all__ = ["accepted_name", "accepted_text", "apart", "is_refusal", "log_items", "params_of", "tags_of"]

_MOST_NAME, _MOST_PARAM, _MOST_TAG = 250, 6000, 8000
"""The longest that MLflow takes, in characters. Source: `mlflow/utils/validation.py` of MLflow 3.17."""
_MOST_METRICS, _MOST_OTHERS = 800, 100
"""The most items in one request: 1,000 in all, of which 100 parameters and 100 tags."""
_OWN = "study/"
_NOT_TAKEN = r"[^\w/.\- :]|_(?=x[0-9a-f]{4,}(?:_|\W))"
"""Characters that MLflow refuses, and the `_` of what would look like one of our escapes."""
_REFUSALS = (400, 404)
"""The HTTP status of an answer that would be the same a second time."""


def accepted_name(name: str) -> str:
    """The name under which MLflow keeps a metric, a parameter or a tag: two different names never meet.

    A name that MLflow takes stays as it is. In others, each character that it refuses is written as `_xHHHH_`, its
    number in Unicode in hexadecimal digits: `top@3` is `top_x0040_3`. So is each `/` of a name that is no plain path
    (`a//b`, `../a`), with a `.` at its start; and, so that nothing else looks like an escape, the first `_` of a
    `_x0040_` that stood in the name. What is then longer than 250 characters keeps its start, and ends in a digest.

    Source: ECMA-376, part 1, 22.9.2.19 (`ST_Xstring`), for the form of the escapes.
    """
    if not name:
        return "_x00000_"  # the character of that number has four digits
    no_path = posixpath.normpath(name) != name or name.startswith((".", "/"))
    escaped = re.sub(rf"{_NOT_TAKEN}|/|^\." if no_path else _NOT_TAKEN, lambda found: f"_x{ord(found[0]):04x}_", name)
    if len(escaped) <= _MOST_NAME:
        return escaped
    digest = f"_x{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}_"
    return escaped[: _MOST_NAME - len(digest)] + digest


def accepted_text(text: str, most: int) -> str:
    """A text of at most that many characters that a database takes; the end says how many were cut off."""
    # No UTF-8 for half a surrogate pair, and no NUL in PostgreSQL.
    text = text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    if len(text) <= most:
        return text
    mark = f" [cut: {len(text):,} characters]"
    return text[: most - len(mark)] + mark


def apart(name: str, taken: Collection[str]) -> str:
    """A name that a study's code chose, told apart from those that dlstudy uses itself: `study/` and the name."""
    return f"{_OWN}{name}" if name in taken or name.startswith(_OWN) else name


def params_of(values: Mapping[str, object]) -> list[Any]:  # Any: MLflow's Param, which must not be imported at the top
    """Parameters as MLflow takes them."""
    from mlflow.entities import Param

    return [Param(accepted_name(name), accepted_text(str(value), _MOST_PARAM)) for name, value in values.items()]


def tags_of(values: Mapping[str, str]) -> list[Any]:  # Any: MLflow's RunTag
    """Tags as MLflow takes them."""
    from mlflow.entities import RunTag

    return [RunTag(accepted_name(name), accepted_text(text, _MOST_TAG)) for name, text in values.items()]


def is_refusal(error: BaseException) -> bool:
    """Whether MLflow will not take what it was given; otherwise it was unreachable, and may take it later."""
    from mlflow.exceptions import MlflowException

    return isinstance(error, MlflowException) and error.get_http_status_code() in _REFUSALS


def log_items(
    client: Any, run_id: str, metrics: Sequence[Any] = (), tags: Sequence[Any] = (), params: Sequence[Any] = ()
) -> dict[str, str]:  # Any: MLflow's client, Metric, RunTag and Param
    """Logs to a run in as few requests as MLflow takes: each is one of the many that a study makes of its server.

    Returns:
        Why MLflow refuses each item that it refuses, by the item's kind and name; all others are written.
    """
    refused: dict[str, str] = {}
    for items in _requests(metrics, tags, params):
        refused |= _log(client, run_id, items)
    return refused


def _requests(metrics: Sequence[Any], tags: Sequence[Any], params: Sequence[Any]) -> Iterator[list[Any]]:
    while metrics or tags or params:
        yield [*metrics[:_MOST_METRICS], *tags[:_MOST_OTHERS], *params[:_MOST_OTHERS]]
        metrics, tags, params = metrics[_MOST_METRICS:], tags[_MOST_OTHERS:], params[_MOST_OTHERS:]


def _log(client: Any, run_id: str, items: Sequence[Any]) -> dict[str, str]:
    """Logs items at once, or where MLflow refuses them one half after the other."""
    from mlflow.entities import Metric, Param, RunTag

    metrics, tags, params = ([item for item in items if isinstance(item, kind)] for kind in (Metric, RunTag, Param))
    try:
        client.log_batch(run_id, metrics=metrics, tags=tags, params=params)
    except Exception as error:
        if not is_refusal(error):
            raise
        if len(items) == 1:
            kind = "metric" if metrics else "tag" if tags else "parameter"
            return {f"{kind} {items[0].key}": one_line(without_passwords(str(error)), 200)}
        half = len(items) // 2
        return _log(client, run_id, items[:half]) | _log(client, run_id, items[half:])
    return {}
