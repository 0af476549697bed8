"""The command `dentiq`: submit images, follow a job, list models. Exits with 0, 1 (some failed) or 2 (could not)."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from rich.console import Console

from client.batch_command import COULD_NOT_RUN, SOME_FAILED, run_batch
from client.connection import DEFAULT_SERVER
from client.corrections import export_corrections
from client.dentiq import Dentiq
from client.errors import DentiqClientError, RequestRefusedError, StillRunningError
from client.filenames import readable
from client.folder.run import Plan
from client.report import Submission, show_export, show_job, show_models, show_submissions, standard_output

Command = TypeVar("Command", bound=Callable[..., Any])


def _shared_options(command: Command) -> Command:
    """Give a command the options that all have."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)
    command = click.option(
        "--key",
        envvar="DENTIQ_API_KEY",
        default="",
        help="API key; also DENTIQ_API_KEY, which other users of this machine do not see.",
    )(command)
    return _server_option(callback=_or_of_the_group)(command)


def _server_option(**attributes: Any) -> Callable[[Command], Command]:
    return click.option(
        "--server",
        envvar="DENTIQ_URL",
        default=DEFAULT_SERVER,
        show_default=True,
        help="Server; also DENTIQ_URL.",
        **attributes,
    )


def _or_of_the_group(context: click.Context, option: click.Parameter, value: str) -> str:
    """Take what stood before the command's name, unless it was said after it too."""
    said_here = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    return value if said_here or context.parent is None else str(context.parent.params[str(option.name)])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dentiq", prog_name="dentiq", message="%(prog)s %(version)s")
@_server_option()
def cli(server: str) -> None:
    """Classify photographs of teeth and gums by visible pathology. It informs; it does not diagnose.

    Exit status: 0 everything succeeded, 1 something failed or was refused, 2 the command could not run.
    """
    del server  # the commands read it from here (see _or_of_the_group)


@cli.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Longest wait for all results together once the images are sent, in s.",
)
@_shared_options
def submit(images: tuple[Path, ...], *, server: str, key: str, as_json: bool, timeout_seconds: float) -> int:
    """Submit IMAGES, wait for their results and print them."""
    submissions: list[Submission] = []
    try:
        with Dentiq(server, api_key=key) as dentiq:
            # All are submitted before the first is waited for, so that the workers are never idle.
            for image in images:
                submissions.append(_submit_one(dentiq, image))  # noqa: PERF401  each is kept, even if the next raises
            deadline = time.monotonic() + timeout_seconds
            for index, submission in enumerate(submissions):
                submissions[index] = _wait_for(dentiq, submission, deadline=deadline)
    finally:
        # Also when the server went away half-way: what is known by then is worth showing.
        if as_json:
            _print_json([submission.as_json() for submission in submissions])
        elif submissions:
            show_submissions(standard_output(), submissions)
    return 0 if all(submission.succeeded for submission in submissions) else SOME_FAILED


def _submit_one(dentiq: Dentiq, image: Path) -> Submission:
    file = readable(image)
    try:
        return Submission(file, job=dentiq.submit(image.read_bytes(), filename=image.name))
    except OSError as error:
        return Submission(file, error_code="file_unreadable", error_message=f"It cannot be read: {error}")
    except RequestRefusedError as error:
        return Submission(file, error_code=error.code, error_message=error.detail)


def _wait_for(dentiq: Dentiq, submission: Submission, *, deadline: float) -> Submission:
    """Follow a job until an instant of the monotonic clock; a job that has ended is seen even after that."""
    if submission.job is None:
        return submission
    try:
        job = dentiq.wait(submission.job.id, timeout_seconds=max(0.0, deadline - time.monotonic()))
    except StillRunningError:
        hint = f"There was no result in time. The job goes on: dentiq status {submission.job.id}"
        return Submission(submission.file, submission.job, "still_running", hint)
    except RequestRefusedError as error:
        return Submission(submission.file, submission.job, error.code, error.detail)
    return Submission(submission.file, job, job.error_code, job.error_message)


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Table to write: JSON lines if it ends with .json or .jsonl, else CSV.",
)
@click.option("--name", help="Name of the batch, for people; by default the folder's.")
@click.option("--webhook-url", help="Address that the server tells when all images have ended.")
@click.option("--watch", is_flag=True, help="Go on looking for new files until Ctrl-C or SIGTERM.")
@click.option("--restart", is_flag=True, help="Forget an unfinished run, replace the table, send everything anew.")
@_shared_options
def batch(  # noqa: PLR0913  one argument an option
    folder: Path,
    *,
    out: Path,
    name: str | None,
    webhook_url: str | None,
    watch: bool,
    restart: bool,
    server: str,
    key: str,
    as_json: bool,
) -> int:
    """Classify all images of FOLDER and write a row for each.

    The same command goes on where an interrupted one stopped, and sends no image twice. --json prints a summary for
    programs. Exit status: 0 all succeeded, 1 some failed or were rejected, 2 it could not run; 130 after Ctrl-C and 143
    after SIGTERM, which print the same summary, and how to go on.
    """
    chosen = folder.resolve().name if name is None else name
    plan = Plan(folder, out, chosen, watch=watch, webhook_url=webhook_url)
    connect = partial(Dentiq, api_key=key)
    return run_batch(plan, server=server, as_json=as_json, restart=restart, connect=connect)


@cli.command()
@click.argument("job_id", metavar="ID")
@_shared_options
def status(job_id: str, *, server: str, key: str, as_json: bool) -> int:
    """Print what is known of the job ID."""
    try:
        with Dentiq(server, api_key=key) as dentiq:
            job = dentiq.job(job_id)
    except RequestRefusedError as error:
        click.echo(f"{error.detail} ({error.code})", err=True)
        return SOME_FAILED
    if as_json:
        _print_json(dict(job.raw))
    else:
        show_job(standard_output(), job)
    return SOME_FAILED if job.status == "failed" else 0


@cli.command()
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Data set folder to make or add to."
)
@_shared_options
def corrections(out: Path, *, server: str, key: str, as_json: bool) -> int:
    """Fetch the photographs that readers have marked, as a data set for training: a folder a label, and index.csv.

    The same command again adds what is new, moves what was marked otherwise since, and takes out what readers have
    taken back, as long as the server keeps the job. What it has erased stays and is counted; so does what others have
    put into the folder. An API key needs the scope admin. Exit status: 1 if a photograph cannot be read, 2 if the
    command could not run.
    """
    console = Console(stderr=True)
    try:
        with Dentiq(server, api_key=key) as dentiq, console.status("") as status:
            export = export_corrections(dentiq, out, show=lambda number: status.update(f"{number} corrections"))
    except OSError as error:
        raise click.ClickException(f"{readable(out)} cannot be written: {error.strerror}") from error
    if as_json:
        _print_json(export.as_json())
    else:
        show_export(standard_output(), export, readable(out))
    return SOME_FAILED if export.failed else 0


@cli.command()
@_shared_options
def models(*, server: str, key: str, as_json: bool) -> int:
    """List the model versions and which of them serves."""
    with Dentiq(server, api_key=key) as dentiq:
        found = dentiq.models()
    if as_json:
        _print_json([dict(model.raw) for model in found])
    else:
        show_models(standard_output(), found)
    return 0


def _print_json(content: object) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        result = cli.main(args=arguments, prog_name="dentiq", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(COULD_NOT_RUN)
    except click.Abort:
        sys.exit(COULD_NOT_RUN)
    except DentiqClientError as error:
        click.echo(f"dentiq: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    sys.exit(result or 0)
