"""Everything that is drawn. Each function returns a matplotlib Figure; none needs a display or touches pyplot's state.

May import `inference` and what is below. Start at `run_figures.save_figures`.
"""
