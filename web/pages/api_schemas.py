"""JSON schemas of the OpenAPI document in a few words: of which type a field is, and what bounds it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from web.api_texts import Words, words
from web.i18n import gettext, ngettext

Schema = Mapping[str, Any]

_NULL: Final = {"type": "null"}


@dataclass(frozen=True)
class Piece:
    """A part of the name of a type.

    Attributes:
        text: What is shown.
        schema: Name of the schema that it leads to; empty for none.
        literal: Whether it is a word of JSON or a value, the same in every language.
    """

    text: str
    schema: str = ""
    literal: bool = False


@dataclass(frozen=True)
class FieldView:
    """One field of an object, or one parameter.

    Attributes:
        name: As programs write it.
        type: What it holds.
        place: `path`, `query` or `header` of a parameter; empty for a field.
        required: Whether it must be there.
        bounds: What is allowed, in words.
        words: What it means; None where its name says it.
    """

    name: str
    type: Sequence[Piece]
    place: str
    required: bool
    bounds: Sequence[str]
    words: Words | None


def fields_of(schema: Schema) -> list[FieldView]:
    """List the fields of an object."""
    required = schema.get("required", ())
    return [
        field_view(name, part, required=name in required, description=part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]


def field_view(name: str, schema: Schema, *, required: bool, description: str, place: str = "") -> FieldView:
    """Describe one field or parameter."""
    return FieldView(
        name=name,
        type=type_of(schema),
        place=place,
        required=required,
        bounds=_bounds(schema),
        words=words(description) if description else None,
    )


def type_of(schema: Schema) -> list[Piece]:
    """Name the type of a value."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Piece(name, schema=name, literal=True)]
    if "enum" in schema:
        return _joined([[Piece(str(value), literal=True)] for value in schema["enum"]])
    if "anyOf" in schema and "properties" not in schema:
        return _joined([type_of(part) for part in schema["anyOf"]])
    return _plain_type(schema)


def _plain_type(schema: Schema) -> list[Piece]:
    if schema.get("type") == "array":
        return [Piece(gettext("list of")), *type_of(schema["items"])]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return [Piece(gettext("object of")), *type_of(schema["additionalProperties"])]
    if schema.get("format") == "binary":
        return [Piece(gettext("file"))]
    kind = schema.get("format") or schema.get("type")
    return [Piece(kind, literal=True)] if kind else []


def _joined(parts: Iterable[list[Piece]]) -> list[Piece]:
    first, *others = parts
    return [*first, *(piece for part in others for piece in (Piece(gettext("or")), *part))]


def _bounds(schema: Schema) -> list[str]:
    kinds = [part for part in schema.get("anyOf", ()) if part != _NULL]
    if len(kinds) == 1:
        schema = {**schema, **kinds[0]}
    found = []
    if (longest := schema.get("maxLength")) is not None:
        found.append(ngettext("at most %(num)s character", "at most %(num)s characters", longest))
    if (most := schema.get("maxItems")) is not None:
        found.append(gettext("at most %(most)s", most=most))
    if (low := schema.get("minimum")) is not None:
        found.append(gettext("from %(low)s", low=_number(low)))
    if (high := schema.get("maximum")) is not None:
        found.append(gettext("up to %(high)s", high=_number(high)))
    if (default := schema.get("default")) is not None:
        found.append(gettext("%(default)s if left out", default=_number(default)))
    return found


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
