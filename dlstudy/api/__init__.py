"""The calls of scripts and notebooks, `dlstudy.run` first, and what the commands share with them."""
