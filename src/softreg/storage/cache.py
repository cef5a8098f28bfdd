"""The folder in which softreg keeps fetched datasets, and images that do not fit in memory while they are used."""

import os
import tempfile
from pathlib import Path
from typing import IO


def cache_folder() -> Path:
    """The user's cache, or `SOFTREG_CACHE_DIR`."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("SOFTREG_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("softreg")


def temporary_file() -> IO[bytes]:
    """An open file in the cache that goes when it is closed and unmapped; an OSError names the folder if there can be none."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
