"""What remains of a file name that a sender chose: shown to people, never used in a path."""

import unicodedata

MAX_LENGTH = 255

# Control, format (they reverse or hide text), surrogate, private and unassigned characters, line and paragraph breaks.
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_filename(name: str | None, *, fallback: str) -> str:
    """Drop what cannot be shown on one line and keep at most 255 characters, the extension among them.

    Args:
        fallback: Answer for a name of which nothing remains.
    """
    shown = "".join(character for character in name or "" if unicodedata.category(character) not in _UNWANTED).strip()
    if len(shown) <= MAX_LENGTH:
        return shown or fallback
    stem, dot, extension = shown.rpartition(".")
    if not dot or len(extension) > 10:
        return shown[:MAX_LENGTH]
    return stem[: MAX_LENGTH - len(extension) - 1] + dot + extension
