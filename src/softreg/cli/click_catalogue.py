"""click's own sentences ("No such option ...", "Usage:"), in the user's language.

click passes each of them through gettext, under the name `_`, before it fills in the placeholders. `install` puts a gettext
catalogue there: the domain `click` of `softreg.messages`, whose English is click's msgid, letter for letter. It is asked at every
sentence, so the language may change within a process; a sentence it does not have stays English.
"""

import gettext
from functools import cache

import click

from softreg.messages import Language, catalogue, language

MODULES = (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.termui, click.types)


class ClickCatalogue(gettext.NullTranslations):
    """A gettext catalogue that follows `softreg.messages.language()`."""

    def gettext(self, message: str) -> str:
        """The translation of click's `message`; the message itself if there is none."""
        return _by_msgid(language()).get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The translation of the singular `msgid1` if `n` is 1, else of the plural `msgid2`."""
        return self.gettext(msgid1 if n == 1 else msgid2)


def install() -> None:
    """Let click translate through our catalogue. A .mo file would not do: gettext takes its language from the environment."""
    translations = ClickCatalogue()
    for module in MODULES:
        for name, function in (("_", translations.gettext), ("ngettext", translations.ngettext)):
            if hasattr(module, name):
                setattr(module, name, function)


@cache
def _by_msgid(target: Language) -> dict[str, str]:
    return {sentence["en"]: sentence[target] for sentence in catalogue("click").values()}
