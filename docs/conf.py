"""How the documentation is built: Sphinx, Markdown by MyST, the theme furo; `make docs` runs it."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docs.generate import write_pages

project = "pgproof"
release = version = installed("pgproof")
language = "en"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False
# Pygments takes no letter beyond ASCII, and no $ in a name, for SQL; PostgreSQL does.
suppress_warnings = ["misc.highlighting_failure"]
myst_heading_anchors = 3
highlight_language = "none"
html_theme = "furo"
html_title = "pgproof"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def setup(app: Any) -> None:
    """Write the pages that come from the code before any page is read."""
    app.connect("builder-inited", lambda built: write_pages(Path(built.srcdir) / "_generated"))
