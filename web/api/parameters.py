"""What the routes declare of their paths, queries and headers."""

from functools import cache
from typing import Any, Final

from pydantic import BaseModel

# Above any place in a list, and what every JSON reader holds exactly; Redis counts up to 2^63 and refuses more.
LAST_CURSOR: Final = 2**53 - 1


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


@cache
def _plain_schema(parameters: type[Parameters]) -> dict[str, Any]:
    return super(Parameters, parameters).model_json_schema()
