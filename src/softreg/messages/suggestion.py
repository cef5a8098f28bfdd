"""The name that somebody probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from softreg.messages import translate


@dataclass(frozen=True)
class Suggestion:
    """The end of a sentence about an unknown name: `. Did you mean 'best'?` in the language in use, nothing if no name is close."""

    name: str
    known: Iterable[str]

    def __str__(self) -> str:
        close = get_close_matches(self.name, list(self.known), n=1)
        return f". {translate('click.did_you_mean', possibility=repr(close[0]))}" if close else ""
