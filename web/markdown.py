"""Markdown of our own files (pathologies, model cards) as HTML; raw HTML in it is shown, never obeyed."""

from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token


def render_markdown(text: str, *, picture: Callable[[str], str] | None = None) -> str:
    """Render a text.

    Args:
        picture: Gives the address of a picture by its file name; pictures are left out without it.
    """
    # A preset without raw HTML; the library refuses javascript: and the like in links by itself.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    if picture is None:
        parser.disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        _mend(token, picture)
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    # A wide table scrolls in a frame of its own, which a keyboard must reach.
    return rendered.replace("<table>", '<div class="table-frame" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )


def _mend(token: Token, picture: Callable[[str], str] | None) -> None:
    if token.type == "th_open":
        token.attrSet("scope", "col")
    if token.type == "link_open":
        token.attrSet("rel", "noopener noreferrer")
    if token.type == "image" and picture is not None:
        attributes: dict[str, Any] = token.attrs
        token.attrSet("src", picture(str(attributes.get("src", ""))))
        token.attrSet("loading", "lazy")
    for child in token.children or []:
        _mend(child, picture)
