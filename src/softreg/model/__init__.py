"""The model: a feature map, one linear layer, calibrated probabilities, and a detector of images that belong to no class.

May import `optim`, `features` and what is below. Start at `softmax_regression.SoftmaxRegression`.
"""
