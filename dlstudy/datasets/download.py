"""Download one file over HTTP, bounded in time and in size."""

import io
import time

from dlstudy.errors import DataError

__all__ = ["download"]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
TOTAL_TIMEOUT_S = 300.0


class _BoundedFile(io.BytesIO):
    """A file in memory that refuses more bytes, and later bytes, than a download may have."""

    def __init__(self, limit_bytes: int, timeout_s: float) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._started = time.monotonic()

    def write(self, chunk: bytes, /) -> int:  # type: ignore[override]  # the downloader only writes bytes
        if self.tell() + len(chunk) > self._limit_bytes:
            raise DataError(f"more than the expected {self._limit_bytes:,} bytes came")
        if time.monotonic() - self._started > self._timeout_s:
            raise DataError(f"not complete after {self._timeout_s:.0f} s")
        return super().write(chunk)


def download(url: str, limit_bytes: int) -> io.BytesIO:
    """The bytes behind a URL, in memory, at their start.

    Raises:
        DataError: no answer in time, an HTTP error, a broken transfer, or more than `limit_bytes`.
    """
    import pooch
    import requests

    file = _BoundedFile(limit_bytes, TOTAL_TIMEOUT_S)
    fetch = pooch.HTTPDownloader(timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), chunk_size=1 << 16)
    try:
        fetch(url, file, None)
    except (requests.RequestException, OSError, ValueError) as error:
        raise DataError(f"the download failed: {_reason(error)}") from error
    file.seek(0)
    return file


def _reason(error: Exception) -> str:
    """What went wrong, without the layers that requests and urllib3 wrap around it."""
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", error))
