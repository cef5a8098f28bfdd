"""The errors softreg raises on purpose.

::

    SoftregError            one line: what is wrong, where, what to do
    ├── RecipeError         a recipe that cannot be meant: unknown key, impossible value
    ├── DataError           a dataset that is missing, damaged or not what it claims
    ├── SolverError         a problem that has no answer the solver could give
    ├── RunError            a run folder that is missing, damaged, in use or in the way
    ├── WriteError          a file or folder the system refuses to write
    ├── PictureError        a picture that cannot be read
    ├── ServingError        a request the server refuses, or a server that cannot start
    └── MissingExtraError   an optional dependency is not installed

    SoftregWarning          something was wrong and could be helped; the same kind of line

Every message is a sentence of the table in `softreg.messages`, so `str(error)` speaks the user's language.
"""

from softreg.messages import translate

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes of a command; 0 if it succeeds


class SoftregError(Exception):
    """Anything softreg refuses. `SoftregError("data.missing", path=path)`: a key of the table and its facts."""

    exit_code = FAILED

    def __init__(self, key: str, /, **facts: object) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts

    def __str__(self) -> str:
        return translate(self.key, **self.facts)


class RecipeError(SoftregError):
    """A recipe that cannot be meant."""

    exit_code = USAGE


class DataError(SoftregError):
    """A dataset that is missing, damaged or not what it claims."""


class SolverError(SoftregError):
    """A problem that has no answer the solver could give."""


class RunError(SoftregError):
    """A run folder that is missing, damaged, in use or in the way."""


class WriteError(SoftregError):
    """A file or folder the system refuses to write: no space, no permission, a failing disk."""


class PictureError(SoftregError):
    """A picture that cannot be read."""


class ServingError(SoftregError):
    """A request the server refuses, with the HTTP status that says so; or a server that cannot start."""

    def __init__(self, key: str, /, status: int = 400, **facts: object) -> None:
        super().__init__(key, **facts)
        self.status = status


class MissingExtraError(SoftregError):
    """An optional dependency is not installed."""


class SoftregWarning(UserWarning):
    """Something was wrong and could be helped."""
