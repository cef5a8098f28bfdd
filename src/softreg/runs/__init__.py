"""The run folder that training writes, and the environment it was trained in.

May import `model`, `recipe` and what is below. Start at `run.Run`.
"""
