"""A model in the formats other programs read.

May import `model` and what is below. Start at `formats.export`.
"""
