"""The corrections of the API: readers say what a photograph shows, training asks for what they said."""

import json
from typing import Any, Final, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    RootModel,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from common.api_keys import Scope
from web.api.answers import JSON, empty, problems
from web.api.jobs import JobPath
from web.api.parameters import LAST_CURSOR, JsonBool, JsonInt, NoJsonInText, Parameters, told
from web.representation import API_PREFIX, JobDocument, job_document
from web.services import services

corrections = APIBlueprint(
    "corrections",
    __name__,
    url_prefix=API_PREFIX,
    abp_tags=[Tag(name="corrections", description="What readers say that photographs show, for training")],
)

# Records that are in memory at one time; a page of 500 jobs is 700 kB of JSON.
_MOST: Final = 500

# As long as a label may be in a manifest.
_LONGEST_LABEL: Final = 48

_NO_CORRECTION: Final = (
    '{} is no correction. Send {{"verdict": "right"}} where the answer is right, else {{"label": LABEL}} with what the '
    f"photograph shows, in up to {_LONGEST_LABEL} characters; nothing beside it."
)


class ConfirmationBody(BaseModel):
    """That the answer is right."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["right"] = Field(
        description="The answer is right as it stands", json_schema_extra={"example": "right"}
    )


class LabelBody(BaseModel):
    """What the photograph shows, whatever the answer is."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(
        max_length=_LONGEST_LABEL,
        description="A label of any version that has served, `other` where none of them names it, `not_dental` where "
        "the photograph shows no teeth or gums",
        json_schema_extra={"example": "other"},
    )


class CorrectionBody(NoJsonInText, RootModel[ConfirmationBody | LabelBody]):
    """Either of the two; both at once would leave open which counts."""

    @model_validator(mode="wrap")
    @classmethod
    def _tell_both(cls, sent: Any, read: ModelWrapValidatorHandler["CorrectionBody"]) -> "CorrectionBody":
        try:
            return read(sent)
        except ValidationError as error:
            if not isinstance(sent, dict):
                raise PydanticCustomError("no_object", "it is no object") from error
            raise told(_NO_CORRECTION.format(json.dumps(sent)[:80])) from error


class CorrectedQuery(Parameters):
    """Which part of the corrected jobs, and whether with those whose correction was taken back."""

    cursor: JsonInt = Field(0, ge=0, le=LAST_CURSOR, description="From the answer before; 0 is the beginning")
    limit: JsonInt = Field(100, ge=1, le=_MOST)
    withdrawn: JsonBool = Field(False, description="List as well jobs whose correction was taken back: theirs is null")


class CorrectedJobsDocument(BaseModel):
    """A part of the corrected jobs, in the order of their first corrections."""

    jobs: list[JobDocument]
    next_cursor: int | None = Field(description="Where to go on; null at the end of what was corrected so far")


@corrections.put(
    "/jobs/<job_id>/correction",
    operation_id="correct_job",
    responses={204: None, **problems(400, 404, 409, 415, 422, 503)},
)
def correct(path: JobPath, body: CorrectionBody) -> Response:
    """Say whether a result is right, or what the photograph shows.

    The job shows it as `correction`. It replaces an earlier one; the same again changes nothing. It is kept as long as
    the job, and erased with it. Where API keys are asked for, saying that a result is right needs the scope `read` too.
    """
    found = services()
    if isinstance(body.root, LabelBody):
        found.corrections.correct(path.job_id, body.root.label)
    else:
        # Whether an answer can be right tells something of it.
        found.guard.require(Scope.READ)
        found.corrections.confirm(path.job_id)
    return empty()


@corrections.delete(
    "/jobs/<job_id>/correction", operation_id="withdraw_correction", responses={204: None, **problems(404, 503)}
)
def withdraw(path: JobPath) -> Response:
    """Take a correction back; without one nothing happens."""
    services().corrections.withdraw(path.job_id)
    return empty()


@corrections.get(
    "/corrections", operation_id="list_corrections", responses={200: CorrectedJobsDocument, **problems(422, 503)}
)
def list_corrected(query: CorrectedQuery) -> Response:
    """List a part of all corrected jobs, for a data set: `dentiq corrections` makes it.

    It shows jobs whose addresses nobody was given; where API keys are asked for it needs the scope `admin`.
    """
    page = services().corrections.page(cursor=query.cursor, count=query.limit, withdrawn=query.withdrawn)
    document = CorrectedJobsDocument(jobs=[job_document(job) for job in page.jobs], next_cursor=page.cursor)
    return Response(document.model_dump_json(), content_type=JSON)
