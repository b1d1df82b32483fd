"""The model of a study: its definition, its variants, its fingerprint, and its trials as plain data."""
