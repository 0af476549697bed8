"""The OpenAPI document as a page shows it: operations by subject, what is sent and answered, an example of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from web.api_texts import Words, words
from web.pages.api_example import curl_example
from web.pages.api_schemas import FieldView, Piece, field_view, fields_of, type_of
from web.pages.error_codes import ErrorCode, error_codes


@dataclass(frozen=True)
class BodyView:
    """One kind of body that an operation takes.

    Attributes:
        content_type: Of the request.
        type: What it holds; empty where the fields say it.
        fields: Of a form.
    """

    content_type: str
    type: Sequence[Piece]
    fields: Sequence[FieldView]


@dataclass(frozen=True)
class AnswerView:
    """One good answer.

    Attributes:
        status: Of HTTP.
        phrase: Its name.
        words: What it holds; None where the name says it.
        content_type: Empty where nothing is answered.
        type: What it holds.
    """

    status: str
    phrase: str
    words: Words | None
    content_type: str
    type: Sequence[Piece]


@dataclass(frozen=True)
class OperationView:
    """One operation."""

    id: str
    method: str
    path: str
    summary: Words
    description: Words | None
    parameters: Sequence[FieldView]
    body_words: Words | None
    bodies: Sequence[BodyView]
    answers: Sequence[AnswerView]
    refusals: Sequence[str]
    example: str


@dataclass(frozen=True)
class GroupView:
    """Operations on one subject."""

    name: str
    words: Words
    operations: Sequence[OperationView]


@dataclass(frozen=True)
class SchemaView:
    """One kind of object, or a closed list of values."""

    name: str
    words: Words | None
    fields: Sequence[FieldView]
    type: Sequence[Piece]


@dataclass(frozen=True)
class ApiView:
    """Show an OpenAPI document.

    Attributes:
        document: The document.
        keys_required: Whether the server asks for API keys.
    """

    document: Mapping[str, Any]
    keys_required: bool

    @property
    def version(self) -> str:
        """Version of dentiq."""
        return str(self.document["info"]["version"])

    @property
    def groups(self) -> list[GroupView]:
        """Operations by subject, in the order of the document."""
        operations = [
            (operation, self._operation(method, path, operation))
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        ]
        return [
            GroupView(
                tag["name"],
                words(tag["description"]),
                [view for operation, view in operations if tag["name"] in operation["tags"]],
            )
            for tag in self.document["tags"]
        ]

    @property
    def schemas(self) -> list[SchemaView]:
        """What is sent and answered, by name."""
        return [
            SchemaView(
                name,
                words(schema["description"]) if schema.get("description") else None,
                fields_of(schema),
                [] if "properties" in schema else type_of(schema),
            )
            for name, schema in sorted(self._schemas.items())
        ]

    @property
    def codes(self) -> dict[int, list[ErrorCode]]:
        """All error codes, by status."""
        return error_codes()

    @property
    def _schemas(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["components"]["schemas"]
        return found

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> OperationView:
        body = operation.get("requestBody", {})
        responses = operation["responses"]
        return OperationView(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=words(operation["summary"]),
            description=words(operation["description"]) if operation.get("description") else None,
            parameters=[_parameter(part) for part in operation.get("parameters", ())],
            body_words=words(body["description"]) if body.get("description") else None,
            bodies=[_body(kind, content["schema"]) for kind, content in body.get("content", {}).items()],
            answers=[
                answer
                for status, response in sorted(responses.items())
                if int(status) < HTTPStatus.BAD_REQUEST
                for answer in _answers(status, response)
            ],
            refusals=sorted(status for status in responses if int(status) >= HTTPStatus.BAD_REQUEST),
            example=curl_example(method, path, operation, self._schemas),
        )


def _parameter(part: Mapping[str, Any]) -> FieldView:
    return field_view(
        part["name"],
        part["schema"],
        required=part.get("required", False),
        description=part.get("description", ""),
        place=part["in"],
    )


def _body(content_type: str, schema: Mapping[str, Any]) -> BodyView:
    fields = fields_of(schema)
    return BodyView(content_type, [] if fields else type_of(schema), fields)


def _answers(status: str, response: Mapping[str, Any]) -> list[AnswerView]:
    phrase, said = HTTPStatus(int(status)).phrase, response.get("description", "")
    told = words(said) if said not in {"", phrase} else None
    kinds = response.get("content") or {"": {}}
    return [
        AnswerView(status, phrase, told, kind, type_of(content.get("schema", {}))) for kind, content in kinds.items()
    ]
