"""What the parameters of scikit-learn's LogisticRegression mean here: which solver, and how much of which penalty.

Importing this does not import torch.
"""

import math
import warnings

from softreg.messages import translate

SOLVERS = {
    "lbfgs": "lbfgs",
    "newton": "newton",
    "newton-cg": "newton",
    "newton-cholesky": "newton",
    "sag": "lbfgs",
    "saga": "lbfgs",
    "liblinear": "lbfgs",  # its problem, not its algorithm
}
UNCONVERGED = {  # how scikit-learn's warnings begin, by solver; without an entry, as lbfgs's
    "sag": "solvers.estimator_unconverged_sag",
    "saga": "solvers.estimator_unconverged_sag",
    "newton-cholesky": "solvers.estimator_unconverged_newton_cholesky",
    "liblinear": "solvers.estimator_unconverged_liblinear",
}


def check_parameters(solver: str, penalty: str | None, l1_ratio: float | None, *, C: float, dual: bool) -> None:
    """Refuse what scikit-learn's solver of that name refuses.

    Raises
    ------
    ValueError
        For an elastic net without `l1_ratio`, an l1 penalty with a solver other than saga and liblinear, liblinear with an elastic
        net or no penalty, or a dual problem that is not liblinear's with an l2 penalty.
    """
    if penalty == "elasticnet" and l1_ratio is None:
        raise ValueError(translate("solvers.estimator_l1_ratio"))
    if penalty == "l1" and l1_ratio not in {None, 0, 1}:
        warnings.warn(translate("solvers.estimator_l1_ratio_ignored"), UserWarning, stacklevel=4)
    share = l1_share(penalty, l1_ratio)
    if solver == "liblinear" and 0 < share < 1:
        raise ValueError(translate("solvers.estimator_elasticnet", solver=solver))
    if solver == "liblinear" and (penalty is None or math.isinf(C)):
        raise ValueError(translate("solvers.estimator_unpenalized"))
    if share and solver not in {"saga", "liblinear"}:
        raise ValueError(translate("solvers.estimator_penalty", solver=solver, penalty=penalty, share=share))
    if dual and (solver != "liblinear" or share):
        raise ValueError(translate("solvers.estimator_dual", solver=solver))


def unconverged(solver: str, steps: int, max_iter: int, gap: float, tol: float) -> str:
    """The sentence of the ConvergenceWarning; it begins as scikit-learn's for that solver."""
    opening = translate(UNCONVERGED.get(solver, "solvers.estimator_unconverged"), solver=solver, steps=steps)
    key = "solvers.estimator_max_iter" if steps >= max_iter else "solvers.estimator_rounding"
    return translate(key, opening=opening, steps=steps, gap=gap, tol=tol)


def l1_share(penalty: str | None, l1_ratio: float | None) -> float:
    """The part of the penalty that is l1, 0 to 1."""
    if penalty is None:
        return 0.0
    return 1.0 if penalty == "l1" else l1_ratio or 0.0


def penalties_per_row(
    penalty: str | None, l1_ratio: float | None, *, C: float, l2: float | None, weight_sum: float, classes: int
) -> tuple[float, float]:
    """l2 and l1 of `mean cross-entropy + l2/2 ||W||^2 + l1 ||W||_1`, W (classes, D).

    Parameters
    ----------
    C : scikit-learn's inverse strength of the penalty on the sum over the rows
    l2 : the strength per row; if given, C is not used
    weight_sum : of the rows' weights
    """
    if penalty is None and C != 1:
        warnings.warn(translate("solvers.estimator_no_penalty"), UserWarning, stacklevel=3)
    if penalty is None or (l2 is None and math.isinf(C)):
        return 0.0, 0.0
    strength, share = 1 / (C * weight_sum) if l2 is None else l2, l1_share(penalty, l1_ratio)
    rows = 2 if classes == 2 else 1  # w/2 and -w/2 have half of ||w||^2, and all of ||w||_1
    return rows * (1 - share) * strength, share * strength
