"""The command that makes, lists and revokes API keys: `python -m infra.keys`, or `make key`, `make keys`."""

import os
import sys
from datetime import datetime
from pathlib import Path

import click
from pydantic import SecretStr

from common.api_keys import ApiKey, KeyFile, Scope
from common.errors import ConfigurationError, JobStoreUnavailableError
from common.key_uses import KeyUses
from common.redis_client import connect
from common.settings import Settings
from infra.environment import settings_from
from infra.local.env_file import read_environment

_REDIS_SECONDS = 2.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Make, list and revoke API keys. A change takes effect at once, without a restart."""


@cli.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    default=(Scope.SUBMIT.value, Scope.READ.value),
    show_default=True,
    help="What it may do; may be repeated. admin includes the others.",
)
def make(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for NAME and print it: it is shown this once."""
    if not name.strip():
        raise click.UsageError("A key needs a name, by which it is known when it is revoked: make key NAME=clinic.")
    key, text = _file().make(name, [Scope(scope) for scope in scopes])
    click.echo(f"Key {key.id} for {name!r}, may {', '.join(scopes)}. It is shown this once:", err=True)
    click.echo(text)


@cli.command("list")
def list_keys() -> None:
    """List the keys: their ids, never their texts."""
    keys = _file().all()
    uses = _uses()
    click.echo(f"{'ID':<12}{'SCOPES':<14}{'MADE':<18}{'LAST USED':<18}{'STATE':<10}NAME")
    for key in keys:
        scopes = ",".join(scope.value for scope in key.scopes)
        used = "unknown" if uses is None else _minute(uses.get(key.id))
        state = "revoked" if key.revoked_at else "active"
        click.echo(f"{key.id:<12}{scopes:<14}{_minute(key.created_at):<18}{used:<18}{state:<10}{key.name}")


@cli.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Let the key ID open nothing any more, and end the sessions that it began."""
    key: ApiKey | None = _file().revoke(key_id)
    if key is None:
        raise click.ClickException(f"There is no key {key_id!r}; `make keys` lists them.")
    click.echo(f"Key {key.id} of {key.name!r} opens nothing any more.")


def _settings() -> Settings:
    return settings_from(read_environment(os.environ, folder=Path.cwd()))


def _file() -> KeyFile:
    return KeyFile(_settings().effective_keys_file)


def _uses() -> dict[str, datetime] | None:
    """When each key was last used; None where the job store does not answer."""
    settings = _settings()
    if "redis_url" not in settings.model_fields_set:
        # That of `make run`, which it starts itself where nobody names another.
        settings = settings.model_copy(
            update={"redis_url": SecretStr(f"redis://127.0.0.1:{settings.local_redis_port}/0")}
        )
    try:
        with connect(settings.effective_job_store_url, timeout_seconds=_REDIS_SECONDS, max_connections=1) as client:
            return KeyUses(client).latest()
    except JobStoreUnavailableError:
        return None


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else "never"


def main() -> None:
    """Run the command; a wrong configuration is a sentence, not a traceback."""
    try:
        cli(prog_name="python -m infra.keys")
    except ConfigurationError as error:
        click.echo(error.message, err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
