"""The lesson: MNIST and softmax regression in PyTorch, step by step, in English and Korean (DESIGN section 8).

::

    lesson.py       the code, cell by cell: the one source of what is shown and what is executed
    steps.py        cells and words put together: the lesson in one language, with as many epochs as wanted
    walk.py         the lesson executed, its words, code, output and figures shown as it goes
    saving.py       a matplotlib backend: `plt.show()` saves
    notebook.py     the same lesson as a Jupyter notebook
    mnist_root.py   the bundled MNIST laid where torchvision looks for it

The words stand in `words/lesson.toml`, under the names of the cells. They are apart from the sentences of the command,
`words/lab.toml`, since they are Markdown of many lines.

The lesson itself imports this package after it has fixed the seeds, so nothing may be imported here that draws from the global
generators: rich does, and `softreg.lab.walk` with it.
"""

from softreg.lab.mnist_root import fill_mnist_root
from softreg.lab.steps import Step, make_steps

__all__ = ["Step", "fill_mnist_root", "make_steps"]
