"""Text from strangers (a class name in a model file, a folder's name): what in it would steer a terminal or reorder a line.

Letters of every script stay, with the joiners that some scripts and emoji need, which `str.isprintable` would reject.
"""

import re

# C0 and C1 controls, line and paragraph separators, overrides of the writing direction, lone surrogates
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def has_controls(text: str) -> bool:
    """Whether `text` has a control character."""
    return _CONTROLS.search(text) is not None


def without_controls(text: str) -> str:
    """`text` on one line, each control character replaced by U+FFFD; line breaks become spaces."""
    return _CONTROLS.sub(REPLACEMENT, re.sub(r"\r\n|[\r\n\t]", " ", text))
