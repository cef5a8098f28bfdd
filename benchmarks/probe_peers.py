"""Peers of `benchmarks.probes` that no environment of this project holds: adelie, mlpack and rlaopt.

They ask for other versions of what is installed; install each by itself, without its dependencies, and put its folder on the path:

    pip install --no-deps --target PEERS adelie mlpack rlaopt torch_linops tensordict pydantic pyvers
    PYTHONPATH=PEERS python -m benchmarks.probes --only softreg mlpack adelie rlaopt

Each takes rows x (N, D), labels y (N,), the penalty l2 and a tolerance of its own, and returns weights (C, D) and bias (C,).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]
Answer = tuple[Array, Array]
ROUNDS = 3000  # of SAPPHIRE at most
PATH = (1e3, 1e2, 1e1, 1.0)  # penalties over the last: coordinate descent begins at a strong one


def adelie(x: Array, y: Array, l2: float, tol: float) -> Answer:
    """adelie's group elastic net with the l2 part alone. Its loss is divided by the number of classes."""
    import adelie as ad

    onehot = np.eye(int(y.max()) + 1)[y]
    d, c = x.shape[1], onehot.shape[1]
    settings = {"alpha": 0.0, "penalty": np.ones(d), "early_exit": False, "progress_bar": False, "n_threads": 1}
    rows, path = np.asfortranarray(x.astype(np.float64)), [l2 / c * factor for factor in PATH]
    glm = ad.glm.multinomial(onehot)
    state = ad.grpnet(X=rows, glm=glm, lmda_path=path, irls_tol=tol, tol=1e-2 * tol, irls_max_iters=10**6, **settings)
    return state.betas.toarray()[-1].reshape(d, c).T, state.intercepts[-1]


def mlpack(x: Array, y: Array, l2: float, tol: float) -> Answer:
    """mlpack's softmax regression, which takes no tolerance. Its weights are what the logits of unit vectors say they are."""
    from mlpack import softmax_regression

    c, d = int(y.max()) + 1, x.shape[1]
    limits = {"lambda_": l2, "max_iterations": 5000, "number_of_classes": c}
    model = softmax_regression(training=x.astype(np.float64), labels=y.astype(np.int64), **limits)["output_model"]
    units = np.vstack([np.zeros((1, d)), np.eye(d)])
    log_p = np.log(softmax_regression(input_model=model, test=units)["probabilities"])  # (D + 1, C)
    logits = log_p - log_p.mean(1, keepdims=True)
    return (logits[1:] - logits[0]).T, logits[0]


def rlaopt(x: Array, y: Array, l2: float, tol: float) -> Answer:
    """rlaopt's SAPPHIRE: SAGA behind a Nystrom preconditioner, its default."""
    from rlaopt.atoms import MultinomialRegression, SumSquares
    from rlaopt.data.dataloader import DataLoader
    from rlaopt.data.datasets import Dataset
    from rlaopt.expression.variable import Variable
    from rlaopt.solvers import GradSolverStoppingCriteria, Sapphire, SapphireConfig

    beta = Variable((x.shape[1], int(y.max()) + 1), name="beta", dtype=torch.float32)
    loader = DataLoader(Dataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=256, shuffle=True)
    loss = MultinomialRegression(beta, loader) + 0.5 * l2 * SumSquares(beta)
    found = Sapphire(loss, SapphireConfig()).solve(
        stopping_criteria=GradSolverStoppingCriteria(max_iters=ROUNDS, eps_abs=tol, eps_rel=tol)
    )
    values = {str(name): value.detach().numpy() for name, value in found.variable_values.items()}
    weight = next(value for value in values.values() if value.ndim == 2)
    return weight.T, next(value for value in values.values() if value.ndim == 1)
