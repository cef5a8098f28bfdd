"""A hook of hatchling: the package index shows README.md, whose relative links and pictures must lead to the repository there."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RAW, BLOB = "/raw/main/", "/blob/main/"


def absolute_links(text: str, repository: str) -> str:
    """The Markdown with every relative link and picture under the address `repository`."""
    text = re.sub(r"!\[([^]]*)\]\((?!\w+:)([^)]+)\)", rf"![\1]({repository}{RAW}\2)", text)
    return re.sub(r"(?<!!)\[([^]]*)\]\((?!\w+:|#)([^)]+)\)", rf"[\1]({repository}{BLOB}\2)", text)


class ReadmeHook(MetadataHookInterface):
    """Sets `readme`, which pyproject.toml declares dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the text."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, metadata["urls"]["Repository"]),
        }
