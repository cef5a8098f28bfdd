"""A terminal that nobody reads holds up nobody, and what is written steers none."""

import json
import logging
import queue
import shutil
from pathlib import Path

from softreg.errors import ServingError
from softreg.messages import catalogue, use_language
from softreg.runs.run import MODEL, Run
from softreg.serving.terminal import DroppingHandler, HarmlessFormatter
from tests.helpers.live_server import SEVEN, serve


def test_what_a_full_queue_cannot_take_is_dropped_at_once() -> None:
    lines: queue.Queue[logging.LogRecord] = queue.Queue(2)
    logger = logging.Logger("test")
    logger.addHandler(DroppingHandler(lines))
    for number in range(5):
        logger.error("line %d", number)
    assert [lines.get_nowait().getMessage() for _ in range(2)] == ["line 0", "line 1"]
    assert lines.empty()


def test_errors_speak_the_language_of_the_terminal() -> None:
    lines: queue.Queue[logging.LogRecord] = queue.Queue()
    logger = logging.Logger("test")
    use_language("ko")
    logger.addHandler(DroppingHandler(lines))
    use_language("en")
    logger.error("%s", ServingError("serving.busy"))
    assert lines.get_nowait().getMessage() == catalogue("serving")["busy"]["ko"]


def test_what_would_steer_a_terminal_is_replaced() -> None:
    record = logging.LogRecord("test", logging.ERROR, "", 0, "two\n%s lines 한국", ("\x1b[31m\udcff\r",), None)
    assert HarmlessFormatter().format(record) == "two\n?[31m?? lines 한국"


def test_a_server_whose_terminal_is_full_still_answers(tmp_path: Path, tutorial_run: Run) -> None:
    shutil.copytree(tutorial_run.path, tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "mine" / MODEL).write_bytes(b"rubbish")
    image = json.dumps(SEVEN).encode()
    with serve(tmp_path) as served:  # its standard error is a pipe that is not read
        for _ in range(1500):  # 64 KiB and more of errors
            assert served.predict(image, "?model=mine", "application/json")[0] == 404
        assert served.ask("GET", "/healthz")[0] == 200
