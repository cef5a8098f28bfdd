"""`softreg serve` as it is typed: what is refused at once, and links that work."""

import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from softreg.cli.serve import command
from softreg.errors import MissingExtraError
from tests.helpers.command_line import call_softreg
from tests.helpers.live_server import serve


def test_what_cannot_be_served_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        cases: list[tuple[list[str], int, str]] = [
            (["--port", port], 1, port),
            (["--port", "0", "--model", "nowhere"], 1, "nowhere"),
            (["--host", "0.0.0.0"], 2, "--allow-host"),
            (["--allow-host", "http://lab.example:8000/"], 2, "can never match"),
            (["--allow-host", "lab.example", "--allow-host", "*"], 2, "'*' can never match"),
            (["--allow-host", "lab.example", "--token", "short"], 2, "8 to 256"),
        ]
        for options, code, hint in cases:
            done = call_softreg("serve", *options, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (code, "")
            assert done.stderr.count("\n") == 1
            assert hint in done.stderr


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "softreg.serving.server", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'softreg\[serve\]'"):
        command.main(["--port", "0"], standalone_mode=False)


@pytest.mark.parametrize("token", ['a=b+c&d#e,f;g%h "quoted"', "한국어 토큰입니다"])
def test_every_printed_link_opens_the_page(token: str, tmp_path: Path) -> None:
    names = ("--allow-host", "LAB.example", "--allow-host", "한국.example")
    with serve(tmp_path, "--host", "0.0.0.0", *names, "--token", token) as served:
        assert [urlsplit(url).hostname for url in served.urls] == ["127.0.0.1", "lab.example", "xn--3e0b707e.example"]
        for url in served.urls:
            parts = urlsplit(url)
            assert parts.port == served.port
            status, headers, _ = served.ask("GET", f"{parts.path}?{parts.query}", Host=parts.netloc)
            assert (status, headers["location"]) == (303, "/")
            cookie = headers["set-cookie"].partition(";")[0]
            assert served.ask("GET", "/", Host=parts.netloc, Cookie=cookie)[0] == 200
            assert served.ask("GET", "/", Host=parts.netloc)[0] == 401
