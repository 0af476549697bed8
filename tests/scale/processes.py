"""The whole platform with 1, 2 and 4 worker processes: images a second, and the Redis commands of a job.

    python -m tests.scale.processes 1 2 4

`make run`'s own platform, the real model, photographs sent by `dentiq batch`; every command of every part is counted,
also those of the beats of hearts, of the exporters and of the sender's polls.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from tests.bench.pictures import make
from tests.bench.sides import send_folder
from tests.fixtures.stack import LocalStack
from tests.scale.commands import counted
from tests.scale.figures import keep

_WARM_UP: Final = 32


@dataclass(frozen=True)
class Figures:
    """What so many processes did.

    Attributes:
        commands_a_job: That crossed a connection to Redis, of all parts.
        within_a_job: That scripts called within Redis.
    """

    processes: int
    images_a_second: float
    commands_a_job: float
    within_a_job: float


class _Stack(LocalStack):
    # Not `processes`: the stack lists its own by that name.
    worker_processes = 2

    @property
    def environment(self) -> dict[str, str]:
        """Variables of this stack."""
        return super().environment | {"DENTIQ_WORKER_PROCESSES": str(self.worker_processes)}


def measure(processes: int, *, images: int) -> Figures:
    """Start the platform, send a folder, wait for the last result, end it."""
    with tempfile.TemporaryDirectory(prefix="dentiq-scale-") as name:
        stack = _Stack(Path(name) / "var")
        stack.worker_processes = processes
        try:
            stack.start()
            send_folder(stack, make(Path(name) / "warm-up", "photographs", _WARM_UP), Path(name) / "w")
            folder = make(Path(name) / "folder", "photographs", images)
            with counted(stack.redis_url) as commands:
                told = send_folder(stack, folder, Path(name) / "t")
        finally:
            stack.clean_up()
    return Figures(
        processes,
        told["images"] / told["seconds"],
        commands.sent.total() / told["images"],
        commands.within.total() / told["images"],
    )


@click.command()
@click.argument("processes", nargs=-1, type=int)
@click.option("--images", default=512, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("var/scale/processes.json"), show_default=True)
def main(processes: tuple[int, ...], images: int, out: Path) -> None:
    """Measure each number of PROCESSES and print."""
    found = [measure(number, images=images) for number in processes or (1, 2, 4)]
    for one in found:
        click.echo(
            f"{one.processes} processes on {os.cpu_count()} cores: {one.images_a_second:.1f} images/s, "
            f"{one.commands_a_job:.2f} commands of Redis a job, {one.within_a_job:.1f} within scripts"
        )
    keep(found, out)


if __name__ == "__main__":
    main()
