"""Prometheus and the exporters of Redis and the machine, which the local stack starts where they are installed."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from common.jobs.keys import QUEUE
from common.queues import CONSUMED_QUEUES, QueueName
from common.settings import Settings
from infra.local.part import OBSERVER, Listener, Part

# Debian's names and those of the projects' own releases.
_NODE_EXPORTERS: Final = ("prometheus-node-exporter", "node_exporter")
_REDIS_EXPORTERS: Final = ("prometheus-redis-exporter", "redis_exporter")

# Which part a scrape job of prometheus/prometheus.yml looks at.
_PART_OF_JOB: Final = {
    "web": "web",
    "worker": "worker",
    "celery": "exporter",
    "redis": "redis-exporter",
    "node": "node-exporter",
    "flower": "flower",
    "prometheus": "prometheus",
}

# Two weeks of history take about 100 MB.
_RETENTION: Final = "15d"


@dataclass(frozen=True)
class ObserverPrograms:
    """Programs that observe; None where one is not installed."""

    prometheus: Path | None = None
    node_exporter: Path | None = None
    redis_exporter: Path | None = None


def find_observers(prometheus_folder: Path) -> ObserverPrograms:
    """Look for the programs on PATH.

    Args:
        prometheus_folder: Holds `prometheus.yml`; without it there is no Prometheus.
    """
    return ObserverPrograms(
        prometheus=_first_on_path("prometheus") if (prometheus_folder / "prometheus.yml").exists() else None,
        node_exporter=_first_on_path(*_NODE_EXPORTERS),
        redis_exporter=_first_on_path(*_REDIS_EXPORTERS),
    )


def observer_parts(settings: Settings, programs: ObserverPrograms) -> list[Part]:
    """List the observers that can run; each of them is optional."""
    parts = []
    if programs.node_exporter is not None:
        parts.append(_node_exporter(settings, programs.node_exporter))
    if programs.redis_exporter is not None:
        parts.append(_redis_exporter(settings, programs.redis_exporter))
    if programs.prometheus is not None:
        parts.append(_prometheus(settings, programs.prometheus))
    return parts


def redis_exporter_keys(*, broker: int, job_store: int) -> str:
    """Name the keys whose lengths redis_exporter shows: the broker's lists of hints and the queues of jobs."""
    hints = [f"db{broker}={queue}" for queue in CONSUMED_QUEUES]
    jobs = [f"db{job_store}={QUEUE}{queue.value}" for queue in QueueName]
    return ",".join(hints + jobs)


def local_prometheus_configuration(shared: str, *, rules: Path, listeners: Mapping[str, Listener]) -> str:
    """Turn the configuration that Compose uses into one for this machine: other addresses, nothing else.

    Args:
        shared: Text of `prometheus/prometheus.yml`.
        rules: Absolute folder of the rule files.
        listeners: Where each part of this stack listens, by the part's name; other jobs are left out.

    Returns:
        JSON, which is YAML too.
    """
    configuration: dict[str, Any] = yaml.safe_load(shared)
    configuration["rule_files"] = [str(rules / Path(pattern).name) for pattern in configuration["rule_files"]]
    configuration["scrape_configs"] = [
        _at_this_machine(job, listeners[_PART_OF_JOB[job["job_name"]]])
        for job in configuration["scrape_configs"]
        if _PART_OF_JOB[job["job_name"]] in listeners
    ]
    return json.dumps(configuration, indent=2) + "\n"


def _at_this_machine(job: Mapping[str, Any], listener: Listener) -> dict[str, Any]:
    kept = {name: value for name, value in job.items() if not name.endswith("_configs")}
    return {**kept, "static_configs": [{"targets": [listener.address]}]}


def _first_on_path(*names: str) -> Path | None:
    found = (shutil.which(name) for name in names)
    return next((Path(path) for path in found if path), None)


def _database(redis_url: str) -> int:
    return int(urlsplit(redis_url).path.strip("/") or 0)


def _node_exporter(settings: Settings, program: Path) -> Part:
    listener = Listener("127.0.0.1", settings.node_exporter_port, "DENTIQ_NODE_EXPORTER_PORT")
    return Part(
        name="node-exporter",
        command=(
            *OBSERVER,
            str(program),
            f"--web.listen-address={listener.host}:{listener.port}",
            "--log.level=warn",
            # Debian switches it on, and it complains at each scrape where there is no systemd.
            "--no-collector.systemd",
        ),
        stop_rank=21,
        stop_seconds=5,
        listener=listener,
        needs_redis=False,
        optional=True,
    )


def _redis_exporter(settings: Settings, program: Path) -> Part:
    listener = Listener("127.0.0.1", settings.redis_exporter_port, "DENTIQ_REDIS_EXPORTER_PORT")
    broker = _database(settings.effective_redis_url)
    job_store = _database(settings.effective_job_store_url)
    return Part(
        name="redis-exporter",
        # The URL, which may hold a password, reaches it as REDIS_ADDR.
        command=(
            *OBSERVER,
            str(program),
            f"-web.listen-address={listener.host}:{listener.port}",
            f"-check-single-keys={redis_exporter_keys(broker=broker, job_store=job_store)}",
        ),
        stop_rank=22,
        stop_seconds=5,
        listener=listener,
        optional=True,
    )


def _prometheus(settings: Settings, program: Path) -> Part:
    listener = Listener("127.0.0.1", settings.prometheus_port, "DENTIQ_PROMETHEUS_PORT")
    return Part(
        name="prometheus",
        command=(
            *OBSERVER,
            str(program),
            f"--config.file={settings.data_dir / 'run' / 'prometheus.json'}",
            f"--storage.tsdb.path={settings.data_dir / 'prometheus'}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={listener.host}:{listener.port}",
            "--log.level=warn",
        ),
        stop_rank=25,
        stop_seconds=15,
        listener=listener,
        needs_redis=False,
        optional=True,
    )
