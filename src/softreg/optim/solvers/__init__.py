"""One file per solver, and what they share. Start at `sgd`; the solvers by name are in `registry`."""
