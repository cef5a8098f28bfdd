"""Responses as JSON, those to errors with one sentence; and numbers in requests."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from softreg.errors import ServingError
from softreg.messages import translate
from softreg.serving.public_errors import public_error


def json_response(value: object, status: int = 200) -> Response:
    """A response of JSON."""
    return Response(encode_json(value), status, media_type="application/json")


def encode_json(value: object) -> bytes:
    """A value as JSON, as short as it gets."""
    return orjson.dumps(value)


def whole_number(name: str, text: str) -> int:
    """The number that a parameter is.

    Raises
    ------
    ServingError
        If it is none, or has more than nine digits.
    """
    if not text.isdecimal() or len(text) > 9:
        raise ServingError("serving.not_a_number", name=name)
    return int(text)


async def on_softreg_error(request: Request, error: Exception) -> Response:
    """Respond to a softreg error: one sentence that says what to do, if a client may read it."""
    public = public_error(error)
    response = json_response({"error": str(public)}, getattr(public, "status", 400))
    if response.status_code == 413:
        response.headers["connection"] = "close"  # what is still coming is not read
    return response


async def on_http_error(request: Request, error: Exception) -> Response:
    """Respond to an unknown route, or a method that the route does not have."""
    assert isinstance(error, HTTPException)
    key = "serving.no_method" if error.status_code == 405 else "serving.no_route"
    response = json_response({"error": translate(key)}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def on_disconnect(request: Request, error: Exception) -> Response:
    """Respond to a client that has disconnected: nobody reads this."""
    return Response(status_code=499)


async def on_exception(request: Request, error: Exception) -> Response:
    """Respond to a bug with a general sentence; Starlette raises it again, and the server logs the traceback."""
    return json_response({"error": translate("serving.fault")}, 500)
