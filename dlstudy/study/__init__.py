"""What a study says: its definition, its variants, its fingerprint, and its trials as plain data."""
