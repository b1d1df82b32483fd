"""What the targets ask beside the side-by-side: one file each, whose `measure(setup)` gives figures."""
