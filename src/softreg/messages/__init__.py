"""Every sentence softreg shows to a person, in English and Korean.

Sentences stand in the TOML files beside this one, one file per domain, each beside its translation::

    # data.toml
    [missing]
    en = "{path}: no such file; `softreg data` lists the datasets"
    ko = "{path}: 파일이 없습니다. `softreg data`로 데이터셋 목록을 볼 수 있습니다"

`translate("data.missing", path=path)` gives the sentence in the language in use. Korean particles that depend on the word
before them are written as a format spec, `{path:을를}`: see `softreg.messages.particles`. May import nothing of softreg;
start reading at `translate`.
"""

import os
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast, get_args

from softreg.messages.particles import ParticleFormatter

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_language: ContextVar[Language] = ContextVar("language", default="en")
_formatter = ParticleFormatter()


def use_language(language: Language) -> None:
    """Translate into `language` from now on, in this context (a server's other threads and tasks keep theirs)."""
    _language.set(language)


def language() -> Language:
    """The language of this context; English unless `use_language` chose another."""
    return _language.get()


def language_of_locale() -> Language:
    """The language of the user's locale: Korean for `ko*`, else English."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "ko" if locale.lower().startswith("ko") else "en"


def translate(key: str, /, **params: object) -> str:
    """The sentence `key` (`domain.name`) in the language in use, its placeholders filled from `params`.

    Raises
    ------
    KeyError
        If there is no such sentence, or a placeholder has no parameter: a bug of softreg, never a user's mistake.
    """
    domain, _, name = key.partition(".")
    return _formatter.vformat(catalogue(domain)[name][language()], (), params)


@cache
def catalogue(domain: str) -> dict[str, dict[Language, str]]:
    """All sentences of a domain, read from its file at the first call: `{name: {"en": ..., "ko": ...}}`."""
    text = files(__package__).joinpath(f"{domain}.toml").read_text(encoding="utf-8")
    return cast(dict[str, dict[Language, str]], tomllib.loads(text))


@dataclass(frozen=True)
class Message:
    """A sentence in both languages that stands where its subject is defined, for example in a registry entry."""

    en: str
    ko: str

    def format(self, **params: object) -> str:
        """The sentence in the language in use, its placeholders filled from `params`."""
        return _formatter.vformat(getattr(self, language()), (), params)

    def __str__(self) -> str:
        return self.format()


class Choices(dict[str, Message]):
    """What may be chosen, by name; as text, also inside a sentence, `name (meaning), name (meaning)` in the language in use."""

    def __str__(self) -> str:
        return ", ".join(f"{name} ({meaning})" for name, meaning in self.items())
