"""A terminal that nobody reads holds up nobody."""

import logging
import queue

from softreg.serving.terminal import DroppingHandler


def test_what_a_full_queue_cannot_take_is_dropped_at_once() -> None:
    lines: queue.Queue[logging.LogRecord] = queue.Queue(2)
    logger = logging.Logger("test")
    logger.addHandler(DroppingHandler(lines))
    for number in range(5):
        logger.error("line %d", number)
    assert [lines.get_nowait().getMessage() for _ in range(2)] == ["line 0", "line 1"]
    assert lines.empty()
