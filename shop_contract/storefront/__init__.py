"""The storefront: one page for both worlds, without a build step.

`pages/index.html` belongs at the root of a path, `pages/static/` below it, beside
`static/config.json`, which the server that shows the page makes up: which world it is.
Servers find the folder through the entry point group `chandlery.pages`, so that none
of them imports this package.
"""

from pathlib import Path


def directory() -> Path:
    """The folder with index.html and static/."""
    return Path(__file__).resolve().parent / "pages"
