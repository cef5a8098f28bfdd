"""A model in the formats that other programs read.

May import `page`, `inference` and what is below. Start at `export.export`; the formats by name are in `registry`. To add one: a
file beside the others with a function `to_bytes(model)`, and an entry in `registry`.
"""
