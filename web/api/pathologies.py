"""The pathologies of the API: what the current model version can recognise, and what is known of it."""

from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from web.api.answers import JSON, problems
from web.api.parameters import Parameters
from web.i18n import language_code
from web.representation import API_PREFIX, DISCLAIMER
from web.services import services

pathologies_api = APIBlueprint(
    "pathologies_api",
    __name__,
    url_prefix=f"{API_PREFIX}/pathologies",
    abp_tags=[Tag(name="models", description="Model versions")],
)


class LanguageQuery(Parameters):
    """In which language."""

    language: Literal["en", "fr"] | None = Field(None, description="By default as `Accept-Language` says")


class PathologyDocument(BaseModel):
    """One label for people."""

    label: str = Field(description="Slug, as results name it", json_schema_extra={"example": "caries"})
    name: str
    summary: str = Field(description="One sentence; empty where nothing is written")
    text: str = Field(description="Signs, causes, when to see a dentist, prevention, sources; Markdown")
    language: str = Field(description="Of the text: English where the wanted language is missing")
    page: str = Field(description="The pathology for people")


class PathologiesDocument(BaseModel):
    """All labels."""

    pathologies: list[PathologyDocument]
    disclaimer: str


@pathologies_api.get("", operation_id="list_pathologies", responses={200: PathologiesDocument, **problems(422, 503)})
def list_pathologies(query: LanguageQuery) -> Response:
    """List what the current model version can recognise."""
    document = PathologiesDocument(
        pathologies=[
            PathologyDocument(
                label=text.slug,
                name=text.name,
                summary=text.summary,
                text=text.body,
                language=text.language,
                page=f"/pathologies/{text.slug}",
            )
            for text in services().texts.all(query.language or language_code())
        ],
        disclaimer=DISCLAIMER,
    )
    response = Response(document.model_dump_json(), content_type=JSON)
    response.vary.update(["Accept-Language", "Cookie"])
    return response
