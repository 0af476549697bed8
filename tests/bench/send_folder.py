"""Sends a folder as `dentiq batch` does, and says when the last result was stored.

python -m tests.bench.send_folder SERVER FOLDER OUT
"""

import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

import click

from client import Dentiq
from client.folder.journal import Journal
from client.folder.run import FolderRun, Plan


def main(server: str, folder: str, out: str) -> None:
    """Send the folder and write its table."""
    plan = Plan(Path(folder), Path(out), name="bench")
    journal_path = plan.out.with_suffix(".journal")
    with Dentiq(server) as dentiq, Journal(journal_path, server=server, folder=plan.folder) as journal:
        run = FolderRun(dentiq, plan, journal, show=lambda _: None)
        began, used_before = time.time(), _processor_seconds()
        run.run()
        written = time.time() - began
        used = _processor_seconds() - used_before
        latest = datetime.fromisoformat(dentiq.batch(run.batch_id).raw["latest_at"]).timestamp()
    answer = {
        "images": run.tally.statuses.get("succeeded", 0),
        "seconds": latest - began,
        "table_seconds": written,
        "client_cpu_seconds": used,
    }
    click.echo(json.dumps(answer))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
