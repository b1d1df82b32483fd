"""Engines, which train trials in slots and return their results."""
