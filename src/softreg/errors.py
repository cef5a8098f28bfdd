"""The errors softreg raises on purpose.

::

    SoftregError            one line: what is wrong, where, what to do
    ├── RecipeError         an invalid recipe: unknown field, value out of range
    ├── DataError           a dataset that is missing, damaged or inconsistent
    ├── SolverError         a problem the solver cannot solve
    ├── RunError            a run folder that is missing, damaged, in use or in the way
    ├── WriteError          a file or folder that cannot be written
    ├── PictureError        a picture that cannot be read
    ├── ServingError        a request the server rejects, or a server that cannot start
    └── MissingExtraError   an optional dependency is not installed

    SoftregWarning          something was not as expected, and softreg continues; one line, too

Every message is a key of `softreg.messages`, so `str(error)` is in the user's language. It is one line, and
whatever the names of files and classes in it are, it cannot control the terminal.
"""

from softreg.messages import translate
from softreg.messages.strangers import without_controls

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes of a command; 0 if it succeeds


class SoftregError(Exception):
    """An error softreg raises on purpose.

    `SoftregError("data.missing", path=path)`: a message key of `softreg.messages`, and its parameters.

    Attributes
    ----------
    key : of the message
    params : fill the message's placeholders
    exit_code : of a command that fails with this error
    """

    exit_code = FAILED

    def __init__(self, key: str, /, **params: object) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params

    def __str__(self) -> str:
        return without_controls(translate(self.key, **self.params))


class RecipeError(SoftregError):
    """An invalid recipe."""

    exit_code = USAGE


class DataError(SoftregError):
    """A dataset that is missing, damaged or inconsistent."""


class SolverError(SoftregError):
    """A problem the solver cannot solve."""


class RunError(SoftregError):
    """A run folder that is missing, damaged, in use or in the way."""


class WriteError(SoftregError):
    """A file or folder that cannot be written: no space, no permission, a failing disk."""


class PictureError(SoftregError):
    """A picture that cannot be read."""


class ServingError(SoftregError):
    """A request the server rejects, with its HTTP status; or a server that cannot start."""

    def __init__(self, key: str, /, status: int = 400, **params: object) -> None:
        super().__init__(key, **params)
        self.status = status


class MissingExtraError(SoftregError):
    """An optional dependency is not installed."""


class SoftregWarning(UserWarning):
    """Something was not as expected; softreg continues."""
