"""JSON of requests: none that is nested deeper than anything of the API, for what reads it recurs."""

from typing import Any, Final

from flask.json.provider import DefaultJSONProvider

# Bodies of the API have two levels.
_MOST_LEVELS: Final = 32


class ShallowJSON(DefaultJSONProvider):
    """Flask's own, with a bound."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON.

        Raises:
            ValueError: It is none, or is nested too deeply.
        """
        try:
            value = super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if _is_deep(value):
            raise ValueError("nested too deeply")
        return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
