"""Errors are sentences in the reader's language, with the exit code of a command that fails with them."""

import threading

import pytest

from softreg import errors
from softreg.errors import DataError, RecipeError, SoftregError
from softreg.messages import use_language

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, SoftregError)]


def test_an_error_speaks_the_language_of_who_reads_it() -> None:
    error = DataError("data.unknown", name="nist")
    use_language("en")
    english = str(error)
    use_language("ko")
    korean = str(error)
    assert english != korean
    assert all("nist" in text for text in (english, korean))
    texts: list[str] = []
    thread = threading.Thread(target=lambda: texts.append(str(error)))  # a new thread's language is English
    thread.start()
    thread.join()
    assert texts == [english]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_one_kind_with_an_exit_code(cls: type[SoftregError]) -> None:
    error = cls("data.unknown", name="nist")
    assert error.exit_code == (2 if issubclass(cls, RecipeError) else 1)
    assert error.key == "data.unknown"
    assert str(error)


def test_a_message_that_is_missing_is_a_fault_of_ours() -> None:
    for error in (DataError("data.nothing"), DataError("data.unknown")):
        with pytest.raises((KeyError, IndexError)):
            str(error)
