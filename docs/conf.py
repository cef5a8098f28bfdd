"""Sphinx settings: `make docs` builds the site strictly and offline.

Markdown pages (MyST), one toctree for English and one for Korean, an API reference from the docstrings, and references that
`_ext/softreg_reference.py` makes from the code, so that they cannot fall behind it.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent / "src"), str(DOCS / "_ext")]

from softreg import __version__  # noqa: E402

project = "softreg"
author = "the softreg maintainers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "softreg_reference",
]
exclude_patterns = ["_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

smartquotes = False  # `--out` is no dash

html_theme = "furo"
html_title = "softreg"
html_static_path = ["_static"]
html_css_files = ["softreg.css"]
html_favicon = "../src/softreg/page/static/icon.svg"
html_theme_options = {
    "source_repository": "https://github.com/softreg/softreg",
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {"color-brand-primary": "#b5490a", "color-brand-content": "#b5490a"},
    "dark_css_variables": {"color-brand-primary": "#f39a5f", "color-brand-content": "#f39a5f"},
}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
copybutton_prompt_text = "$ "
