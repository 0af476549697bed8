"""The state of the platform for whoever looks after it: queues, workers, and where more is shown."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template
from flask_babel import format_decimal

from common.jobs.overview import Overview
from common.queues import QueueName
from common.settings import Settings
from web.i18n import gettext
from web.services import Services, services

system = Blueprint("system", __name__)

# Seconds between two looks of an open page: a queue that fills is seen in time, and each look costs about 2 ms.
_PAUSE_SECONDS: Final = 5


@dataclass(frozen=True)
class QueueRow:
    """One queue, ready to print."""

    name: str
    depth: str
    oldest: str


@dataclass(frozen=True)
class WorkerRow:
    """Live worker processes with the same model at the same kind of place."""

    count: int
    model_version: str
    place: str


@system.get("/system")
def page() -> str:
    """Show the queues, the workers and the links to Flower, Grafana and Prometheus."""
    found = services()
    return render_template("system.html", links=_links(found.settings), **_state(found))


@system.get("/system/state")
def state() -> str:
    """Answer the part of the page that changes; its script asks every few seconds."""
    return render_template("parts/system_state.html", **_state(services()))


def _state(found: Services) -> dict[str, Any]:
    seen = found.overviews.read()
    return {
        "missing": found.readiness.missing(),
        "queues": _queues(seen),
        "running": format_decimal(seen.running),
        "workers": _workers(found),
        "pause": _PAUSE_SECONDS,
    }


def _queues(seen: Overview) -> list[QueueRow]:
    names = {QueueName.INTERACTIVE: gettext("Single photos"), QueueName.BULK: gettext("Batches")}
    return [
        QueueRow(
            name=names[queue],
            depth=format_decimal(seen.depth[queue]),
            oldest=gettext("%(seconds)s s", seconds=format_decimal(round(seen.oldest_seconds[queue], 1))),
        )
        for queue in QueueName
    ]


def _workers(found: Services) -> list[WorkerRow]:
    """Count alike processes; their names, which say where they run, stay with the log."""
    alike = Counter((worker.model_version, f"{worker.runtime}, {worker.device}") for worker in found.workers.alive())
    return [WorkerRow(count, version, place) for (version, place), count in sorted(alike.items())]


def _links(settings: Settings) -> list[tuple[str, str]]:
    """Name the places that are configured, with their addresses."""
    places = {"Flower": settings.flower_url, "Grafana": settings.grafana_url, "Prometheus": settings.prometheus_url}
    return [(name, address) for name, address in places.items() if address]
