"""The commands of the local stack: run it in this terminal until a signal, renew or stop it from another one."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from common.errors import ConfigurationError
from infra.environment import settings_from
from infra.exposure import refuse_open_web
from infra.local.control import SupervisorControl
from infra.local.env_file import read_environment
from infra.local.ports import check_ports, taken_observers, wait_for_ports
from infra.local.processes import find_leftovers, read_record, wait_for_end
from infra.local.readiness import ask_readyz, describe_absent, redis_fault
from infra.local.reload import reload_parts
from infra.local.stack import (
    Stack,
    clear_leftovers,
    exclusive,
    launcher_record,
    lay_out,
    plan_stack,
    start_supervisor,
    stop_supervisor,
)
from infra.local.watch import Announcer, describe_addresses, describe_death

# A start takes about 5 s; what is not up after this long needs a person.
_READY_DEADLINE_SECONDS = 45.0
_STARTING_PAUSE_SECONDS = 0.1
_RUNNING_PAUSE_SECONDS = 1.0
# In which a process that was killed a moment ago gives its port back, also on a busy machine.
_PORT_SECONDS = 3.0
# Above the sum of the parts' own times to stop.
_STOP_DEADLINE_SECONDS = 150.0


def run(environ: Mapping[str, str], *, folder: Path) -> int:
    """Run the stack until SIGINT, SIGTERM or SIGHUP.

    Args:
        environ: The variables of the launcher.
        folder: The working folder, beside `.env` and `model_store/`.

    Returns:
        Exit status: 0 after an orderly stop, 1 if the supervisor died.

    Raises:
        ConfigurationError: Settings are wrong, a port is taken, or the stack runs already.
    """
    variables = read_environment(environ, folder=folder)
    settings = settings_from(variables)
    refuse_open_web(settings)
    stack = plan_stack(settings, working_folder=folder)
    with exclusive(stack.data_dir):
        crashed = _clear(stack.data_dir)
        # A port of an observer is often a service's of the machine: without a crash nobody waits for that one.
        wait_for_ports([part for part in stack.parts if crashed or not part.optional], seconds=_PORT_SECONDS)
        stack = _without_taken_observers(stack)
        check_ports(stack.parts)
        lay_out(stack)
        if not stack.has("exporter"):
            click.echo("Without celery-exporter: its environment .venv-exporter is missing.")
        return _supervise(stack, variables)


def _clear(data_dir: Path) -> bool:
    """Stop what an earlier run left, and say so; tell whether there was any."""
    left_over = clear_leftovers(data_dir)
    if left_over:
        click.echo(f"Stopped {left_over} process(es) that an earlier run had left.")
    return left_over > 0


def _without_taken_observers(stack: Stack) -> Stack:
    taken = taken_observers(stack.parts)
    for part in taken:
        assert part.listener is not None  # noqa: S101  a port that is taken has a listener
        click.echo(
            f"Without {part.name}: port {part.listener.port} is taken. {part.listener.variable} names another one."
        )
    return replace(stack, parts=tuple(part for part in stack.parts if part not in taken))


def _supervise(stack: Stack, variables: Mapping[str, str]) -> int:
    stopping = threading.Event()

    def stop_soon(number: int, frame: FrameType | None) -> None:
        del number, frame
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_soon)
    if not stack.owns_redis and (fault := redis_fault(stack.settings)):
        click.echo(f"A Redis that the settings name cannot be used yet: {fault} dentiq starts and goes on trying.")
    click.echo(f"Starting {', '.join(part.name for part in stack.parts)} ...")
    supervisor = start_supervisor(stack, variables)
    try:
        _watch(stack, supervisor, stopping)
        died = supervisor.poll() is not None
        click.echo(describe_death(stack) if died else "Stopping: work under way ends first ...")
    finally:
        stop_supervisor(stack, supervisor)
    click.echo("Stopped.")
    return 1 if died else 0


def _watch(stack: Stack, supervisor: "subprocess.Popen[bytes]", stopping: threading.Event) -> None:
    """Tell what happens until the stack shall stop or its supervisor is gone."""
    control = SupervisorControl(stack.control_socket)
    announcer = Announcer(click.echo, log_dir=stack.log_dir)
    started = time.monotonic()
    ready = overdue = False
    while not stopping.is_set() and supervisor.poll() is None:
        announcer.update(control.states())
        if not ready:
            ready, reason = ask_readyz(stack.base_url)
            waited = time.monotonic() - started
            if ready:
                click.echo(describe_addresses(stack, seconds=waited))
            elif waited > _READY_DEADLINE_SECONDS and not overdue:
                overdue = True
                click.echo(f"dentiq is not ready after {waited:.0f} s: {reason}. It is still tried.")
                click.echo(describe_absent(stack.parts, control.states(), log_dir=stack.log_dir))
        stopping.wait(_RUNNING_PAUSE_SECONDS if ready else _STARTING_PAUSE_SECONDS)


def stop(environ: Mapping[str, str], *, folder: Path) -> int:
    """Stop the stack that runs on the configured data folder, and what an earlier run left there.

    Returns:
        Exit status: 0 if nothing runs now, 1 otherwise.
    """
    variables = read_environment(environ, folder=folder)
    data_dir = (folder / settings_from(variables).data_dir).resolve()
    launcher = read_record(launcher_record(data_dir))
    if launcher is not None and launcher.alive:
        click.echo(f"Stopping dentiq (process {launcher.pid}): work under way ends first ...")
        os.kill(launcher.pid, signal.SIGTERM)
        wait_for_end([launcher], seconds=_STOP_DEADLINE_SECONDS)
    elif not find_leftovers(data_dir):
        click.echo(f"Nothing runs on the data folder {data_dir}.")
        return 0
    _clear(data_dir)
    remaining = find_leftovers(data_dir)
    click.echo(f"Still running: {sorted(remaining)}" if remaining else "Stopped.")
    return 1 if remaining else 0


def reload(environ: Mapping[str, str], *, folder: Path) -> int:
    """Renew worker, beat and web of the stack that runs on the configured data folder, and refuse nobody meanwhile.

    Returns:
        Exit status: 0 if all of them are new, 1 otherwise.
    """
    data_dir = (folder / settings_from(read_environment(environ, folder=folder)).data_dir).resolve()
    launcher = read_record(launcher_record(data_dir))
    if launcher is None or not launcher.alive:
        click.echo(f"Nothing runs on the data folder {data_dir}.")
        return 1
    renewed = reload_parts(data_dir, say=click.echo)
    click.echo("Renewed." if renewed else "Not everything was renewed.")
    return 0 if renewed else 1


def main(arguments: list[str]) -> int:
    """Carry out `run` (the default), `reload` or `stop`."""
    commands = {"run": run, "reload": reload, "stop": stop}
    name = arguments[0] if arguments else "run"
    if name not in commands or len(arguments) > 1:
        click.echo("Usage: python -m infra.local [run|reload|stop]", err=True)
        return 2
    try:
        return commands[name](os.environ, folder=Path.cwd())
    except ConfigurationError as error:
        click.echo(error.message, err=True)
        return 2
