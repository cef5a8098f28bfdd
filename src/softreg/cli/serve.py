"""`softreg serve`."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from softreg.cli.options import Name, common_options, complete
from softreg.cli.translated import Command, option
from softreg.errors import MissingExtraError, ServingError
from softreg.messages import translate
from softreg.runs.pretrained import PRETRAINED
from softreg.serving.access import AccessToken, host_name, links
from softreg.serving.classroom import class_code, qr_code, reachable_address

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command("serve", Command, help="serving.help", epilog="serving.examples")
@option("--model", type=Name(), metavar="RUN", help="serving.model", shell_complete=complete(PRETRAINED))
@option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="serving.host")
@option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), metavar="INT", help="serving.port")
@option("--allow-host", "allowed", multiple=True, metavar="NAME", help="serving.allow_host")
@option("--token", metavar="TEXT", envvar="SOFTREG_TOKEN", help="serving.token")
@option("--class", "for_class", is_flag=True, help="serving.class")
@option("--answers", type=click.Choice(["server", "page"]), help="serving.answers")
@common_options
def command(
    *,
    model: str | None,
    host: str,
    port: int,
    allowed: tuple[str, ...],
    token: str | None,
    for_class: bool,
    answers: Literal["server", "page"] | None,
    as_json: bool,
) -> int:
    """Parse, bind, serve."""
    if for_class:
        host, allowed, token = "0.0.0.0", (*allowed, reachable_address()), token or class_code()
    if host not in LOOPBACK and not allowed:
        raise click.UsageError(translate("serving.needs_allow_host", host=host))
    try:
        names = [host_name(name) for name in allowed]
        text = (token or secrets.token_urlsafe(24)) if allowed else None
        access = None if text is None else AccessToken(text)
    except ServingError as error:
        raise click.UsageError(str(error)) from error
    try:
        from softreg.serving.server import bind, make_server
    except ModuleNotFoundError as error:
        raise MissingExtraError("serving.missing_extra", name=error.name) from error
    listening = bind(host, port)  # before torch is imported: a busy port is told at once
    from softreg.serving.app import Playground
    from softreg.serving.models import Models
    from softreg.serving.security import LOCAL_HOSTS

    models = Models(Path(model) if model else None)
    answers = answers or ("page" if for_class else "server")
    playground = Playground(models, LOCAL_HOSTS | set(names), access, only_teacher_trains=for_class, answers=answers)
    urls = links(host, listening.getsockname()[1], names, text)
    started = {"schema": 1, "url": urls[0], "urls": urls, "model": playground.models.default}
    click.echo(json.dumps(started) if as_json else _invitation(urls, text if for_class else None))
    server = make_server(playground.app, playground.training.close)
    server.run([listening])
    playground.training.join()
    return server.code


def _invitation(urls: Sequence[str], code: str | None) -> str:
    """Where the page is; with the code that a class types, for the class as well."""
    if code is None:
        return translate("serving.ready", url="\n  ".join(urls))
    link = urls[-1]
    return translate("serving.class_ready", teacher=urls[0], url=link.partition("?")[0], code=code, qr=qr_code(link))
