"""Writes `.env.example` from the settings: `python -m infra.env_example > .env.example`."""

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from common.settings import ENV_PREFIX, Settings

_HEADER = """\
# Every setting of dentiq, with its default. Copy this file to .env, which `make run` reads, and uncomment what you
# change. The environment beats the file. A secret (marked so) may also be given as NAME_FILE, the path of a file that
# holds it.
# PORT, where it is set, beats DENTIQ_PORT. Unknown DENTIQ_ variables are refused at the start.
# Written by `python -m infra.env_example`; a test compares.
"""


def render() -> str:
    """Write the example: for each setting its description and, commented out, its default."""
    entries = [_entry(name, info) for name, info in Settings.model_fields.items()]
    return "\n".join([_HEADER, *entries])


def _entry(name: str, info: FieldInfo) -> str:
    secret = " (secret)" if "SecretStr" in str(info.annotation) else ""
    return f"# {info.description}{secret}\n#{ENV_PREFIX}{name.upper()}={_plain(info.default)}\n"


def _plain(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return default.as_posix() if isinstance(default, Path) else str(default)


if __name__ == "__main__":
    sys.stdout.write(render())
