"""Downloads one file over HTTP, with limits on time and size."""

import io
import threading
import time

from dlstudy.common.text import printable
from dlstudy.errors import DataError

__all__ = ["download"]

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 8.0  # until the first bytes; a name may stand for many addresses, each with a CONNECT_TIMEOUT_S
READ_TIMEOUT_S = 30.0
TOTAL_TIMEOUT_S = 300.0
SLOWEST_BYTES_PER_S = 200_000  # a larger file may take longer than TOTAL_TIMEOUT_S


class _BoundedFile(io.BytesIO):
    """An in-memory file that rejects bytes beyond a download's limits on size and time."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self.timeout_s = max(TOTAL_TIMEOUT_S, limit_bytes / SLOWEST_BYTES_PER_S)
        self._started = time.monotonic()
        self.answered = threading.Event()

    def write(self, chunk: bytes, /) -> int:  # type: ignore[override]  # the downloader only writes bytes
        self.answered.set()
        if self.tell() + len(chunk) > self._limit_bytes:
            raise DataError(f"more than the expected {self._limit_bytes:,} bytes came")
        if time.monotonic() - self._started > self.timeout_s:  # the caller no longer waits for it
            raise DataError(self.too_late())
        return super().write(chunk)

    def too_late(self) -> str:
        return f"not complete after {self.timeout_s:.0f} s"


def download(url: str, limit_bytes: int) -> io.BytesIO:
    """Downloads a URL into memory; the returned file is at its start.

    Raises:
        DataError: no answer in time, an HTTP error, a broken transfer, or more than `limit_bytes`.
    """
    file, reasons = _BoundedFile(limit_bytes), list[str]()
    # In a thread, since no timeout of a socket bounds the look-up of a name and the attempts at all its addresses.
    thread = threading.Thread(target=_fetch, args=(url, file, reasons), daemon=True)
    thread.start()
    if not file.answered.wait(ANSWER_TIMEOUT_S):
        raise DataError(f"the download failed: no answer after {ANSWER_TIMEOUT_S:g} s")
    thread.join(file.timeout_s)
    if thread.is_alive():  # a slow trickle of bytes, too few for a chunk, never reaches `write`
        raise DataError(file.too_late())
    if reasons:
        raise DataError(reasons[0])
    file.seek(0)
    return file


def _fetch(url: str, file: _BoundedFile, reasons: list[str]) -> None:
    import pooch

    fetch = pooch.HTTPDownloader(timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), chunk_size=1 << 16)
    try:
        fetch(url, file, None)
    except DataError as error:
        reasons.append(str(error))
    except Exception as error:  # whatever it is: a thread that ends without its reason would pass for a success
        reasons.append(f"the download failed: {_reason(error)}")
    finally:
        file.answered.set()


def _reason(error: Exception) -> str:
    """The cause of an error, without the layers that requests and urllib3 wrap around it."""
    cause = error.args[0] if error.args else error
    return printable(str(getattr(cause, "reason", error)))
