"""All figures. Each function returns a matplotlib Figure; none needs a display or changes pyplot's state.

May import `inference` and what is below. Start at `run_figures.save_figures`.
"""
