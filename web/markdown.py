"""Markdown of our own files (pathologies, model cards) as HTML; raw HTML in it is shown, never obeyed."""

from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


# The page of the API has hundreds of texts: reading them anew was 35 of the 59 ms that it took.
@lru_cache(maxsize=1024)
def render_markdown(text: str) -> str:
    """Render a text; pictures in it are left out."""
    # A preset without raw HTML; the library refuses javascript: and the like in links by itself.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in tokens:
        _mend(token)
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    # A wide table scrolls in a frame of its own, which a keyboard must reach.
    return rendered.replace("<table>", '<div class="table-frame" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )


def _mend(token: Token) -> None:
    if token.type == "th_open":
        token.attrSet("scope", "col")
    if token.type == "link_open":
        token.attrSet("rel", "noopener noreferrer")
    if token.children is not None:
        token.children = [child for child in token.children if child.type != "image"]
        for child in token.children:
            _mend(child)
