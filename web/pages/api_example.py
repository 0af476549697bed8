"""An example of each operation of the API as a command of curl, made from the OpenAPI document."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

Operation = Mapping[str, Any]
Schemas = Mapping[str, Any]

# A longer command is written over several lines.
_LINE: Final = 88

_EXTENSIONS: Final = {"image/jpeg": ".jpg", "text/csv": ""}


def curl_example(method: str, path: str, operation: Operation, schemas: Schemas) -> str:
    """Write the command: the server, the key and the ids come from variables of the shell."""
    parts = ["curl", *_body(operation, schemas)]
    implied = "POST" if len(parts) > 1 else "GET"
    if method.upper() != implied:
        parts.insert(1, f"-X {method.upper()}")
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $DENTIQ_API_KEY"')
    parts += _kept_in(path, operation)
    address = re.sub(r"{(\w+)}", lambda found: f"${found[1].upper()}", path)
    parts.append(f'"$DENTIQ_URL{address}"')
    command = " ".join(parts)
    return command if len(command) <= _LINE else " \\\n    ".join([" ".join(parts[:2]), *parts[2:]])


def example_of(schema: Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    """Put the examples of the required fields together, of the first one where none is; of several kinds, the first."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    shown = {name: part["example"] for name, part in schema.get("properties", {}).items() if "example" in part}
    return {name: shown[name] for name in schema.get("required") or list(shown)[:1] if name in shown}


def _body(operation: Operation, schemas: Schemas) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        schema = content["multipart/form-data"]["schema"]
        (field, *_) = schema.get("required") or schema["anyOf"][0]["required"]
        return [f"-F {field}=@tooth.jpg"]
    if "application/json" in content:
        body = json.dumps(example_of(content["application/json"]["schema"], schemas), ensure_ascii=False)
        return [f"--json {shlex.quote(body)}"]
    return []


def _kept_in(path: str, operation: Operation) -> list[str]:
    """Name a file for an answer that no terminal should show."""
    for kind, extension in _EXTENSIONS.items():
        if kind in operation["responses"].get("200", {}).get("content", {}):
            return [f"-o {path.rpartition('/')[2]}{extension}"]
    return []
