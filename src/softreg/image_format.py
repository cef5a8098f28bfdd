"""The form of the images that a model reads, MNIST's: uint8 (SIDE, SIDE), bright ink on black."""

SIDE = 28  # pixels
