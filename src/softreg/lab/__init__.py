"""The lesson: MNIST and softmax regression in PyTorch, step by step, in a terminal or a notebook.

May import `training` and what is below. Start at `lesson`, then `run.run_lesson`.
"""
