"""The course's mathematics in NumPy: activations, losses, update rules, and the estimators that are made of them."""
