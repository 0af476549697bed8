"""`.env.example` names every setting with its default, and nothing else."""

import io
from pathlib import Path

from dotenv import dotenv_values

from common.settings import ENV_PREFIX, Settings
from infra.env_example import render

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def uncommented() -> dict[str, str]:
    """All variables of the example, as if a person had uncommented every line."""
    lines = EXAMPLE.read_text(encoding="utf-8").replace(f"#{ENV_PREFIX}", ENV_PREFIX)
    scratch = {name: value or "" for name, value in dotenv_values(stream=io.StringIO(lines)).items()}
    return {name: value for name, value in scratch.items() if name.startswith(ENV_PREFIX)}


def test_the_example_is_the_one_that_the_settings_write() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == render(), "run: python -m infra.env_example > .env.example"


def test_every_setting_stands_in_it() -> None:
    assert set(uncommented()) == {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_the_whole_example_uncommented_gives_the_defaults() -> None:
    assert Settings.from_env(uncommented()) == Settings()
