"""What the routes declare of their paths, queries, headers and bodies."""

import json
import re
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from web.problems import TOLD

# Above any place in a list, and what every JSON reader holds exactly; Redis counts up to 2^63 and refuses more.
LAST_CURSOR: Final = 2**53 - 1


def _written_as(pattern: str, example: str) -> BeforeValidator:
    form = re.compile(pattern)

    def check(value: Any) -> Any:
        if isinstance(value, str) and not form.fullmatch(value):
            raise PydanticCustomError("as_json", "write it as JSON does, such as {example}", {"example": example})
        return value

    return BeforeValidator(check)


_whole = _written_as(r"-?(0|[1-9][0-9]*)", "2")
_number = _written_as(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", "2")

# As JSON writes them: pydantic alone also takes " 2", "1_0" and "yes", of which the API's document says nothing.
JsonInt = Annotated[int, _whole]
JsonFloat = Annotated[float, _number]
JsonBool = Annotated[bool, _written_as("true|false", "true")]


class Parameters(BaseModel):
    """Parameters of a request, read by flask-openapi3."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Describe the parameters in JSON schema.

        flask-openapi3 asks for the plain schema at every request, only to read it; making it anew was almost half of
        what a submission costs.
        """
        if arguments or named:
            return super().model_json_schema(*arguments, **named)
        return _plain_schema(cls)


class NoJsonInText:
    """Mixin of a JSON body that is no text: flask-openapi3 reads JSON within one a second time, as another body."""

    @classmethod
    def model_validate_json(cls, json_data: Any, **named: Any) -> Any:
        """Take a text for what it is."""
        return cls.model_validate(json_data, **named)  # type: ignore[attr-defined]  # of the model beside it


class Body(NoJsonInText, BaseModel):
    """A JSON body; a field that it does not have is refused: misspelt, it would be a wish that nobody hears."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _tell_unknown(cls, sent: Any) -> Any:
        unknown = sorted(set(sent) - set(cls.model_fields)) if isinstance(sent, dict) else []
        if unknown:
            # As JSON writes them: a name may hold half of a pair of surrogates, which no answer could.
            named, known = (", ".join(map(json.dumps, names)) for names in (unknown[:5], cls.model_fields))
            raise told(f"The body has no field {named[:400]}; it takes {known}.")
        return sent


def told(sentence: str) -> PydanticCustomError:
    """Make a fault whose sentence is the whole answer."""
    return PydanticCustomError(TOLD, "{sentence}", {"sentence": sentence})


@cache
def _plain_schema(parameters: type[Parameters]) -> dict[str, Any]:
    return super(Parameters, parameters).model_json_schema()
