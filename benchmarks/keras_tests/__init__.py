"""Keras's own tests with our training in place of Keras's. See `__main__.py`."""
