"""MLflow, the view that people browse: written while a study runs, caught up from the record."""
