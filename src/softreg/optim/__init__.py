"""The objective of softmax regression and what minimises it: design matrix, gradient, solvers, duality gap, l2 path.

May import `data` and `compute`; knows neither pixels nor models. Start at `objective.Objective`, then `minimize.minimize`.
"""
