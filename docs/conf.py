"""How Sphinx makes a site of the pages in this directory, as `make docs` has it."""

from p2pfs import __version__

project = "p2pfs"
release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
# Links to a heading, as page.md#the-heading, for headings down to this level.
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"p2pfs {release}"
html_show_copyright = False
