"""Everything softreg says to a person, in English and Korean, from one table.

The table is kept in the TOML files beside this one, one for each room of the house, so that a sentence and its translation
stand side by side::

    # data.toml
    [missing]
    en = "{path}: no such file; see `softreg data` for what there is"
    ko = "{path}: 그런 파일이 없습니다. `softreg data`로 무엇이 있는지 보세요"

`translate("data.missing", path=path)` fills the blanks. A room's file is read when its first sentence is needed.
"""

import os
import tomllib
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Literal, cast, get_args

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_language: ContextVar[Language] = ContextVar("language", default="en")


def use_language(language: Language) -> None:
    """Speak `language` from now on, in this context (a thread or task of a server may speak another)."""
    _language.set(language)


def language() -> Language:
    """The language spoken in this context; English unless `use_language` said otherwise."""
    return _language.get()


def language_of_locale() -> Language:
    """The language the user's locale asks for: Korean for `ko*`, else English."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "ko" if locale.lower().startswith("ko") else "en"


def translate(key: str, /, **facts: object) -> str:
    """The sentence `key` (`room.name`) in the language spoken, its blanks filled from `facts`.

    Raises
    ------
    KeyError
        If the table has no such sentence, or a blank has no fact: a fault of softreg, never of its user.
    """
    room, _, name = key.partition(".")
    return catalogue(room)[name][language()].format(**facts)


@cache
def catalogue(room: str) -> dict[str, dict[Language, str]]:
    """All sentences of one room: `{name: {"en": ..., "ko": ...}}`."""
    text = files(__package__).joinpath(f"{room}.toml").read_text(encoding="utf-8")
    return cast(dict[str, dict[Language, str]], tomllib.loads(text))
