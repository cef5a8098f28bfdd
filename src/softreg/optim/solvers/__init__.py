"""One file per solver, and what they share. Start at `sgd`; `registry` lists the solvers by name."""
