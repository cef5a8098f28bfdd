"""The model: a feature map, one linear layer, calibrated probabilities, and a detector of images that belong to no class.

May import `features` and `optim`. Start at `softmax_regression.SoftmaxRegression`.
"""
