"""Tracking in MLflow, a view of the record to browse: written while a study runs, completed from the record."""
