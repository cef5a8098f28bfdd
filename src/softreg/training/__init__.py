"""From a recipe to a run: the fit, checkpoints to resume from, trackers to follow it in, and training again to compare.

May import `figures`, `inference` and what is below. Start at `train.train`.
"""
