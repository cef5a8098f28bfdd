"""Feature maps: fixed functions from images to vectors, fitted on training images, never on labels.

May import `data`, `compute` and what is below. Start at `feature_map.FeatureMap`; the maps by name are in `registry`. To add one:
a file beside the others that defines it, `to_onnx` included, and an entry in `registry`.
"""
