"""Helpers for study files: data preparation, figures, and numbers logged from a study's own code."""

from dlstudy.toolkit import plots
from dlstudy.toolkit.data import column, one_hot_intervals, standardize
from dlstudy.toolkit.logging import log_metric

__all__ = ["column", "log_metric", "one_hot_intervals", "plots", "standardize"]
