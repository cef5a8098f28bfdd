"""The objective of softmax regression and what minimises it: design matrix, gradient, solvers, duality gap, l2 path.

May import `data` and `compute`; knows no pixels and no models. Start at `objective.Objective`, then `minimize.minimize`.
"""
