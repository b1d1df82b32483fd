"""The course's mathematics in NumPy: activations, losses, update rules, and estimators built from them."""
