"""The values of a metric for single test rows, as compact text in the record."""

import base64
import binascii
import math
import zlib
from collections.abc import Mapping

import numpy as np

from dlstudy.study.trial import TrialResult

__all__ = ["MOST_ROWS", "pack_agreeing", "pack_bits", "pack_numbers", "unpack_bits", "unpack_numbers", "values_of_rows"]

MOST_ROWS = 100_000
"""With more test rows than this none of their values are kept: a metric takes up to 2.7 bytes a row."""

_PRECISION = 2.0**-11
"""Largest relative error of a float16."""


def pack_bits(right: np.ndarray) -> str:
    """(n,) bool as base64, one bit a row, most significant first."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_bits(text: str, n: int) -> np.ndarray:
    """The (n,) bool that `pack_bits` packed."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(bool)


def pack_numbers(values: np.ndarray) -> str:
    """Finite numbers as base64 of zlib of a scale, float64, and of each divided by it, float16; little-endian.

    The scale is a power of two. A number is kept to 1 part in 2,048, or, if that is more, to 2e-12 of the largest one.

    Args:
        values: (n,) float64.
    """
    _, exponent = math.frexp(float(abs(values).max(initial=0.0)))
    scale = 2.0 ** (exponent - 15)  # float16 reaches from 6e-8 to 65,504: use it to the upper end
    packed = np.array([scale], "<f8").tobytes() + (values / scale).astype("<f2").tobytes()
    return base64.b64encode(zlib.compress(packed)).decode()


def unpack_numbers(text: str) -> np.ndarray | None:
    """The (n,) float64 that `pack_numbers` packed; None for other text."""
    try:
        packed = zlib.decompress(base64.b64decode(text))
        return float(np.frombuffer(packed, "<f8", 1)[0]) * np.frombuffer(packed, "<f2", offset=8).astype(np.float64)
    except (binascii.Error, zlib.error, ValueError):
        return None


def pack_agreeing(values: Mapping[str, np.ndarray], metrics: Mapping[str, float]) -> dict[str, str]:
    """Packs the values whose mean is the metric of that name, to the precision in which they are kept.

    Args:
        values: (rows,) float64, by the name of the metric.
        metrics: of the same trial.
    """
    return {
        name: pack_numbers(of_rows)
        for name, of_rows in values.items()
        if name in metrics
        and len(of_rows) <= MOST_ROWS
        and np.isfinite(of_rows).all()
        and abs(of_rows.mean() - metrics[name]) <= _PRECISION * abs(of_rows).mean()
    }


def values_of_rows(result: TrialResult, metric: str, n_rows: int) -> np.ndarray | None:
    """The values of a metric for each test row, whose mean is the metric; None where they were not kept.

    Args:
        result: of a trial that read the test rows.
        metric: such as `test_accuracy`, of which each row has 1 or 0, or `test_loss`.
        n_rows: test rows.

    Returns:
        (n_rows,) float64.
    """
    if metric in result.row_values:
        values = unpack_numbers(result.row_values[metric])
        return values if values is not None and len(values) == n_rows else None
    if not result.correct or not metric.endswith(("accuracy", "acc")) or metric not in result.metrics:
        return None
    right = unpack_bits(result.correct, n_rows)
    is_their_share = abs(right.sum() - result.metrics[metric] * n_rows) < 0.5
    return right.astype(np.float64) if is_their_share else None
