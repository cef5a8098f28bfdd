"""The checks that every request passes before anything else sees it, and the headers of every response.

The page is served to one person on this machine. What could go wrong is a foreign web page, open in the same browser, that makes
the browser ask this server (cross-site requests, DNS rebinding), and a client that sends more than it should.
"""

import json
from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softreg.errors import ServingError
from softreg.messages import language, translate, use_language
from softreg.serving.access import AccessToken

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_BODY_BYTES = 2**20  # bytes
COOKIE = b"softreg_token"
FirstValues = Mapping[bytes, bytes]  # of headers, by their names
TRUST = "softreg.trust"  # in a request's `extensions`: to be called once it has passed every check

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]

CODE_PAGE = """<!doctype html>
<html lang="{}"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>softreg</title>
<h1>{}</h1>
<form action="/" method="get">
<p><label>{} <input name="token" autofocus required autocomplete="off" autocapitalize="off" spellcheck="false"></label>
<button>{}</button></p>
</form>
</html>
"""


@dataclass(frozen=True)
class SecurityMiddleware:
    """ASGI middleware around everything.

    Attributes
    ----------
    app : what is guarded
    hosts : the names this server answers to, as in a Host header without the port
    token : what every request must carry if the server is reachable from elsewhere; None on this machine alone
    """

    app: ASGIApp
    hosts: frozenset[str] = LOCAL_HOSTS
    token: AccessToken | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the body counted and the headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        first = dict(reversed(headers))  # the first value of each name
        use_language("ko" if first.get(b"accept-language", b"").lower().startswith(b"ko") else "en")
        try:
            self._check(headers, first)
            if self.token is not None:
                await self.token.check(_bearer(first), _cookie(first), scope["query_string"])
        except ServingError as error:
            if error.status == 401 and _is_visit(scope, first):
                await ask_for_code(send)
            else:
                await reject(send, error)
            return
        scope.get("extensions", {}).get(TRUST, lambda: None)()

        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            await self.app(scope, limit_body(receive), with_headers)
        except CancelledError:  # by the server, which shuts down and waits no longer
            if begun:
                raise
            await reject(send, ServingError("serving.closing", status=503))

    def _check(self, headers: list[tuple[bytes, bytes]], first: FirstValues) -> None:
        """Raise unless host, origin and announced length are in order."""
        names = [name for name, _ in headers]
        host = first[b"host"].decode("latin-1").lower() if names.count(b"host") == 1 else None
        if host is None or _without_port(host) not in self.hosts:
            raise ServingError("serving.foreign_host", status=421, hosts=", ".join(sorted(self.hosts)))
        origins = [value for name, value in headers if name == b"origin"]
        if any(origin.lower() not in (f"http://{host}".encode(), f"https://{host}".encode()) for origin in origins):
            raise ServingError("serving.foreign_origin", status=403)
        if first.get(b"sec-fetch-site", b"") not in (b"", b"same-origin", b"none"):
            raise ServingError("serving.foreign_origin", status=403)
        length = first.get(b"content-length", b"")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            raise ServingError("serving.body_too_large", status=413, most=MAX_BODY_BYTES)


async def reject(send: Send, error: ServingError) -> None:
    """Answer with an error and close the connection; nothing more is read from it."""
    body = json.dumps({"error": str(error)}, ensure_ascii=False).encode()
    await _send_and_close(send, error.status, b"application/json", body, HEADERS)


async def _send_and_close(send: Send, status: int, media_type: bytes, body: bytes, rules: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers + rules})
    await send({"type": "http.response.body", "body": body})


def _is_visit(scope: Scope, first: FirstValues) -> bool:
    """Whether a person opens the page, rather than a script a route."""
    return scope["method"] == "GET" and scope["path"] == "/" and b"text/html" in first.get(b"accept", b"")


async def ask_for_code(send: Send) -> None:
    """Answer 401 with a page on which the code can be typed."""
    texts = [translate(key) for key in ("serving.class_title", "serving.class_label", "serving.class_enter")]
    body = CODE_PAGE.format(language(), *map(escape, texts)).encode()
    policy = POLICY.replace("form-action 'none'", "form-action 'self'").encode()
    rules = [(name, policy if name == b"content-security-policy" else value) for name, value in HEADERS]
    await _send_and_close(send, 401, b"text/html; charset=utf-8", body, rules)


def limit_body(receive: Receive) -> Receive:
    """`receive`, raising as soon as more than `MAX_BODY_BYTES` bytes of body have come: a length can be false or missing."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise ServingError("serving.body_too_large", status=413, most=MAX_BODY_BYTES)
        return message

    return counting


def _bearer(first: FirstValues) -> bytes:
    return first.get(b"authorization", b"").removeprefix(b"Bearer ").strip()


def _cookie(first: FirstValues) -> bytes:
    """What our cookie holds; empty if there is none."""
    pairs = (pair.strip().partition(b"=") for pair in first.get(b"cookie", b"").split(b";"))
    return next((value for name, _, value in pairs if name == COOKIE), b"")


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
