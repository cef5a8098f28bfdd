"""Access: the host names this server answers to, the token that other machines need, and the links that carry it."""

import asyncio
import hmac
import re
from collections import deque
from collections.abc import Iterable
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qs, quote

from softreg.errors import ServingError

MIN_TOKEN, MAX_TOKEN = 8, 256  # characters
FREE_GUESSES = 10  # wrong tokens in `GUESS_SECONDS` that are answered at once
GUESS_SECONDS = 60.0
GUESS_DELAY = 1.0  # seconds every further one waits
MAX_DELAYED = 32  # wrong tokens that wait; more are refused unanswered
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # browsers read a name that ends so as an IPv4 address


def host_name(text: str) -> str:
    """The name as browsers put it into a Host header: lower case, punycode, IPv6 in brackets.

    Raises
    ------
    ServingError
        If no Host header can ever be this: a URL, a port, a wildcard, a name that is none.
    """
    name = text.strip().rstrip(".").lower()
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
        if not address.is_unspecified and "%" not in name:  # 0.0.0.0 is to be bound, and a zone is this machine's own
            return f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    except ValueError:
        name = _punycode(name)
        labels = name.split(".")
        if len(name) <= 253 and all(map(LABEL.fullmatch, labels)) and not NUMBER.fullmatch(labels[-1]):
            return name
    raise ServingError("serving.impossible_host", host=repr(text))


def links(host: str, port: int, names: Iterable[str], token: str | None) -> list[str]:
    """The addresses to open the page with, the one for this machine first if there is one.

    Parameters
    ----------
    host, port : what is bound
    names : the further names the server answers to
    token : which the links carry
    """
    local = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    here = [local] if local in ("127.0.0.1", "[::1]", "localhost") else []
    query = "" if token is None else f"?token={quote(token, safe='')}"
    return [f"http://{name}:{port}/{query}" for name in dict.fromkeys([*here, *names])]


class AccessToken:
    """The token that every request must carry if other machines can reach the server.

    Raises
    ------
    ServingError
        If the text is too short to keep anybody out, or cannot be sent.
    """

    def __init__(self, text: str) -> None:
        if not MIN_TOKEN <= len(text) <= MAX_TOKEN or not text.isprintable() or text != text.strip():
            raise ServingError("serving.bad_token", least=MIN_TOKEN, most=MAX_TOKEN)
        self._secret = text.encode()
        self.cookie = sha256(self._secret).hexdigest()  # a cookie cannot hold every character
        self._wrong: deque[float] = deque(maxlen=FREE_GUESSES)  # when the last wrong tokens came
        self._delayed = 0

    async def check(self, bearer: bytes, cookie: bytes, query_string: bytes) -> None:
        """Accept a request with the token as a bearer, in the cookie or in the query; the right token never waits.

        Raises
        ------
        ServingError
            With status 401; with 429, after a delay, once too many wrong tokens came.
        """
        texts = [value.encode() for value in parse_qs(query_string.decode("latin-1")).get("token", [])]
        texts += [bearer] if bearer else []
        if any(hmac.compare_digest(text, self._secret) for text in texts) or hmac.compare_digest(cookie, self.cookie.encode()):
            return
        if texts or cookie:
            await self._slow_down()
        raise ServingError("serving.no_token", status=401)

    async def _slow_down(self) -> None:
        """Make guessing slow."""
        now = asyncio.get_running_loop().time()
        fast = len(self._wrong) == FREE_GUESSES and now - self._wrong[0] < GUESS_SECONDS
        self._wrong.append(now)
        if not fast:
            return
        if self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await asyncio.sleep(GUESS_DELAY)
            finally:
                self._delayed -= 1
        raise ServingError("serving.too_many_guesses", status=429)


def _punycode(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError:  # a label that is empty or too long
        return ""
