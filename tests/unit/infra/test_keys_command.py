"""The command of API keys: what it prints, and that what it does opens or closes the server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.api_keys import KeyFile, Scope
from common.errors import ConfigurationError
from common.settings import Settings
from infra.exposure import refuse_open_web


def command(
    folder: Path, *arguments: str, redis_url: str = "redis://127.0.0.1:1/0"
) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DENTIQ_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.keys", *arguments],
        env=plain | {"DENTIQ_DATA_DIR": str(folder), "DENTIQ_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_key_is_made_listed_and_revoked(tmp_path: Path, redis_url: str) -> None:
    file = KeyFile(tmp_path / "keys.json")
    made = command(tmp_path, "make", "clinic", "--scope", "read", redis_url=redis_url)
    text = made.stdout.strip()
    key = file.verify(text)
    assert key is not None
    assert (key.name, key.scopes) == ("clinic", (Scope.READ,))
    listed = command(tmp_path, "list", redis_url=redis_url).stdout
    assert key.id in listed
    assert "never" in listed
    assert text not in listed
    assert command(tmp_path, "revoke", key.id).returncode == 0
    assert file.verify(text) is None
    assert "revoked" in command(tmp_path, "list", redis_url=redis_url).stdout


@pytest.mark.parametrize("name", ["", "  "])
def test_a_key_without_a_name_is_not_made(tmp_path: Path, name: str) -> None:
    refused = command(tmp_path, "make", name)
    assert refused.returncode == 2
    assert "make key NAME=clinic" in refused.stderr
    assert (refused.stdout, list(tmp_path.iterdir())) == ("", [])


def test_keys_are_listed_while_redis_is_away(tmp_path: Path) -> None:
    command(tmp_path, "make", "clinic")
    assert "unknown" in command(tmp_path, "list").stdout


def test_revoking_what_there_is_not_fails(tmp_path: Path) -> None:
    refused = command(tmp_path, "revoke", "0123456789")
    assert refused.returncode != 0
    assert "There is no key" in refused.stderr


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    refused = command(tmp_path, "make", "clinic")
    assert refused.returncode == 2
    assert "cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_open_server_starts_with_a_key_and_not_with_a_revoked_one(tmp_path: Path) -> None:
    settings = Settings(web_bind="0.0.0.0", data_dir=tmp_path)
    file = KeyFile(settings.effective_keys_file)
    key, _ = file.make("clinic", [Scope.SUBMIT])
    refuse_open_web(settings)
    file.revoke(key.id)
    with pytest.raises(ConfigurationError, match="make key"):
        refuse_open_web(settings)


def test_a_server_behind_a_proxy_starts_not_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_REQUIRE_KEYS"):
        refuse_open_web(Settings(require_keys=True, data_dir=tmp_path))


def test_two_who_make_keys_at_once_both_keep_theirs(tmp_path: Path) -> None:
    names = [f"clinic {number}" for number in range(6)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DENTIQ_")}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "infra.keys", "make", name],
            env=plain | {"DENTIQ_DATA_DIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]
    assert [process.wait(60) for process in running] == [0] * 6
    assert {key.name for key in KeyFile(tmp_path / "keys.json").all()} == set(names)
