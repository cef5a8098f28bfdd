"""A class at one server: a link that works, a page that asks for the code, and trainings that only the teacher starts."""

import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from softreg.errors import MissingExtraError, ServingError
from softreg.messages import LANGUAGES, catalogue
from softreg.serving.classroom import ALPHABET, CODE_LENGTH, class_code, qr_code, reachable_address
from tests.helpers.live_server import read_answer, serve


def address_or_skip() -> str:
    try:
        return reachable_address()
    except ServingError:
        pytest.skip("this machine is on no network")


def test_codes_are_easy_to_type_and_differ() -> None:
    codes = {class_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) for code in codes)
    assert not set("0o1il") & set(ALPHABET)


def test_the_address_is_this_machine_s_own_and_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((address_or_skip(), 0)):
        pass

    def refuse(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ServingError, match="no network"):
        reachable_address()


def test_the_qr_code_is_square_and_of_the_link() -> None:
    short, long = (qr_code(f"http://192.168.0.5:8000/?token={'a' * n}") for n in (8, 80))
    rows = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in short.splitlines()]
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == (len(rows[0]) + 1) // 2  # two pixels above each other are one character
    assert len(long.splitlines()) > len(rows)


def test_without_what_draws_it_the_qr_code_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(MissingExtraError, match="segno"):
        qr_code("http://192.168.0.5:8000/")


def test_a_class_opens_the_link_types_the_code_and_watches_but_does_not_train(tmp_path: Path) -> None:
    address = address_or_skip()
    with serve(tmp_path, "--class", "--token", "abcd2345") as served:
        pupil = served.urls[-1]
        assert urlsplit(pupil).hostname == address
        host = f"{address}:{served.port}"
        assert served.ask("GET", f"/?{urlsplit(pupil).query}", Host=host)[0] == 303
        for language in LANGUAGES:
            status, headers, body = served.ask("GET", "/", Host=host, Accept="text/html", Accept_Language=language)
            assert (status, headers["content-type"]) == (401, "text/html; charset=utf-8")
            assert "form-action 'self'" in headers["content-security-policy"]
            assert "script-src 'self'" in headers["content-security-policy"]
            assert catalogue("serving")["class_title"][language] in body.decode()
            assert 'name="token"' in body.decode()
        status, headers, _ = served.ask("GET", "/models", Host=host, Accept="text/html")
        assert (status, headers["content-type"]) == (401, "application/json")
        here = f"127.0.0.1:{served.port}"
        _, listed = served.json("GET", "/models", Host=here, Authorization="Bearer abcd2345")
        assert listed["answers"] == "page"  # each reads for itself
        assert served.ask("POST", "/training/stop", Host=here, Authorization="Bearer abcd2345")[0] == 409  # there is none
        with socket.create_connection((address, served.port)) as client:
            request = f"POST /training HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer abcd2345\r\nContent-Length: 2\r\n\r\n{{}}"
            client.sendall(request.encode())
            status, _, body = read_answer(client)
        assert status == 403
        assert catalogue("serving")["only_teacher"]["en"] in body.decode()
