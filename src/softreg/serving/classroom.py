"""A class at one server: the address that its devices can reach, a code to type, and a picture of the link to photograph."""

import io
import secrets
import socket

from softreg.errors import MissingExtraError, ServingError

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none of which is taken for another
CODE_LENGTH = 8
ELSEWHERE = ("192.0.2.1", 9)  # reserved for documentation: nothing is sent there


def reachable_address() -> str:
    """This machine's address on the network that it would use to reach others.

    Raises
    ------
    ServingError
        If it is on no network.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)  # chooses a route, and sends nothing
            address = str(probe.getsockname()[0])
        except OSError:
            address = ""
    if not address or address.startswith(("127.", "0.")):
        raise ServingError("serving.no_network")
    return address


def class_code() -> str:
    """A new code that is easy to read aloud and to type: some 40 bits, and wrong ones are slowed down."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def qr_code(link: str) -> str:
    """The link as a QR code of text, for a terminal.

    Raises
    ------
    MissingExtraError
        If the package that draws it is not installed.
    """
    try:
        import segno
    except ModuleNotFoundError as error:
        raise MissingExtraError("serving.missing_extra", name=error.name) from error
    drawn = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
