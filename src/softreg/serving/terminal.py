"""What the server writes to its terminal, by a thread of its own: a terminal that nobody reads must hold up no answer."""

import logging
import queue
from contextlib import suppress
from contextvars import copy_context
from logging.handlers import QueueHandler, QueueListener

LOGGERS = ("softreg.serving", "uvicorn.error")
MAX_LINES = 100  # that wait to be written; what is more is lost


class DroppingHandler(QueueHandler):
    """Hands records to a queue, and drops them when it is full. They speak the language of the terminal, not of the client."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(lines)
        self._context = copy_context()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record with its message formatted."""
        prepared: logging.LogRecord = self._context.copy().run(super().prepare, record)
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the record into the queue, or drop it if the queue is full."""
        with suppress(queue.Full):
            self.queue.put_nowait(record)


class HarmlessFormatter(logging.Formatter):
    """Replaces what would steer a terminal: a message may name a stranger's folder."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, lines kept."""
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in super().format(record))


def log_to_terminal() -> None:
    """Write errors of the server to standard error from now on."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MAX_LINES)
    terminal = logging.StreamHandler()
    terminal.setFormatter(HarmlessFormatter())
    QueueListener(lines, terminal).start()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [DroppingHandler(lines)]
        logger.setLevel(logging.ERROR)
        logger.propagate = False
