"""From a recipe to a run: fitting, checkpoints, experiment trackers, and reproducing a run.

May import `figures`, `inference` and what is below. Start at `train.train`.
"""
