"""Which errors a client may read: those of a listed type say what to do; of all others it learns only that something failed."""

import logging

from softreg.errors import PictureError, ServingError, SoftregError, SolverError

# Their messages are made of the request's own facts. Those of other types may name files and folders of this machine.
PUBLIC: frozenset[type[Exception]] = frozenset({ServingError, PictureError, SolverError})
LOG = logging.getLogger("softreg.serving")


def public_error(error: Exception) -> SoftregError:
    """The error itself if a client may read it, otherwise a general one; the terminal then gets the error.

    The type must be listed itself: a subclass written later is private until somebody decides otherwise.
    """
    if isinstance(error, SoftregError) and type(error) in PUBLIC:
        return error
    log_error(error)
    return ServingError("serving.fault", status=500)


def log_error(error: BaseException) -> None:
    """Write an error to the server's terminal: softreg's own as one line, any other with its traceback."""
    LOG.error("%s", error, exc_info=None if isinstance(error, SoftregError) else error)
