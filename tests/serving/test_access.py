"""Names a server can be called by, links that carry a token, and guesses that are slowed down."""

import asyncio
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.errors import ServingError
from softreg.serving import access
from softreg.serving.access import FREE_GUESSES, AccessToken, host_name, links

TOKENS = [
    "a=b+c&d#e",
    "a,b;c%20d",
    'with "quotes"',
    "it's a token",
    "한국어 토큰입니다",
    "100% right",
    "%25%26%3D",
    "\\x00\\n<&>",
    "?token=a&b",
]
HOSTS = {
    "lab.example": "lab.example",
    " LAB.Example. ": "lab.example",
    "my_machine": "my_machine",
    "192.168.1.5": "192.168.1.5",
    "::1": "[::1]",
    "[2001:DB8::0:1]": "[2001:db8::1]",
    "한국.example": "xn--3e0b707e.example",
}
IMPOSSIBLE = [
    "",
    " ",
    ".",
    "*",
    "*.example",
    "http://lab.example",
    "lab.example:8000",
    "[::1]:8000",
    "lab.example/",
    "lab example",
    "a..b",
    "-a.example",
    "a-.example",
    "user@lab.example",
    "0.0.0.0",
    "::",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "192.168.01.1",
    "0x7f.1",
    "fe80::1%eth0",
    "a" * 64,
    ".".join(["a" * 60] * 5),
    "lab\texample",
    "lab.example\n.evil",
    "\udcff",
    "lab,example",
]


@pytest.mark.parametrize(("text", "name"), HOSTS.items())
def test_a_name_is_written_as_browsers_send_it(text: str, name: str) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_a_name_that_no_host_header_can_be_is_refused(text: str) -> None:
    with pytest.raises(ServingError, match="can never match"):
        host_name(text)


@pytest.mark.parametrize(
    ("host", "names", "wanted"),
    [
        ("127.0.0.1", [], ["127.0.0.1"]),
        ("localhost", ["lab.example"], ["localhost", "lab.example"]),
        ("::1", [], ["[::1]"]),
        ("0.0.0.0", ["lab.example", "127.0.0.1"], ["127.0.0.1", "lab.example"]),
        ("::", ["lab.example"], ["[::1]", "lab.example"]),
        ("192.168.1.5", ["lab.example"], ["lab.example"]),
    ],
)
def test_links_name_only_what_is_answered(host: str, names: list[str], wanted: list[str]) -> None:
    assert links(host, 80, names, None) == [f"http://{name}:80/" for name in wanted]


def checked(token: AccessToken, bearer: bytes = b"", cookie: bytes = b"", query: str = "") -> int:
    """200, or the status it is refused with."""
    try:
        asyncio.run(token.check(bearer, cookie, query.encode("latin-1")))
    except ServingError as refused:
        return refused.status
    return 200


@given(st.one_of(st.sampled_from(TOKENS), st.text(st.characters(exclude_categories=["C", "Z"]), min_size=8, max_size=40)))
def test_any_token_opens_by_its_link_its_cookie_and_as_a_bearer(text: str) -> None:
    token = AccessToken(text)
    link = urlsplit(links("127.0.0.1", 80, [], text)[0])
    assert parse_qs(link.query, strict_parsing=True) == {"token": [text]}
    assert link.geturl().isascii()
    assert checked(token, query=link.query) == 200
    assert checked(token, cookie=token.cookie.encode()) == 200
    assert checked(token, bearer=text.encode()) == 200
    assert token.cookie.isalnum()
    for wrong in (text[:-1], text + "x", text.swapcase() + "y"):
        assert checked(AccessToken(text), query=f"token={quote(wrong)}") == 401
        assert checked(AccessToken(text), bearer=wrong.encode()) == 401
        assert checked(AccessToken(text), cookie=wrong.encode()) == 401
    assert checked(token) == checked(token, query="token=") == 401


@pytest.mark.parametrize(
    "text", ["short", "1234567", " leading", "trailing ", "new\nline!", "\x1b[31mcolour", "\udcff" * 9, "x" * 257]
)
def test_a_token_that_keeps_nobody_out_or_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(ServingError, match="8 to 256"):
        AccessToken(text)


def test_guesses_are_slowed_down_and_the_right_token_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_DELAYED", 2)
    monkeypatch.setattr(access, "GUESS_DELAY", 1000.0)

    async def guess() -> None:
        token = AccessToken("right-token")
        for i in range(FREE_GUESSES):
            with pytest.raises(ServingError) as refused:
                await token.check(b"wrong-%d" % i, b"", b"")
            assert refused.value.status == 401
        delayed = [asyncio.create_task(token.check(b"wrong", b"", b"")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ServingError) as refused:  # no more of them are kept
            await token.check(b"wrong", b"", b"")
        assert refused.value.status == 429
        with pytest.raises(ServingError) as refused:  # no token is no guess
            await token.check(b"", b"", b"")
        assert refused.value.status == 401
        await token.check(b"right-token", b"", b"")
        assert not any(task.done() for task in delayed)
        for task in delayed:
            task.cancel()
        await asyncio.gather(*delayed, return_exceptions=True)
        assert token._delayed == 0

    asyncio.run(guess())
