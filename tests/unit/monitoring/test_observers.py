"""Prometheus and exporters of the local stack: the same configuration as in Compose, at this machine's addresses."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from common.settings import Settings
from infra.local.observers import ObserverPrograms, local_prometheus_configuration, observer_parts
from infra.local.part import Listener, Part
from infra.local.parts import Programs, stack_parts
from infra.local.ports import taken_observers
from infra.secret_file import read_or_make_secret
from tests.fixtures.redis import free_port

PROMETHEUS = Path(__file__).resolve().parents[3] / "prometheus"
ALL = ObserverPrograms(Path("/bin/prometheus"), Path("/bin/node_exporter"), Path("/bin/redis_exporter"))
WITHOUT_OURS = Programs(redis_server=None, exporter_python=None, observers=ALL)


def configuration(**listeners: int) -> dict[str, Any]:
    text = local_prometheus_configuration(
        (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"),
        rules=PROMETHEUS / "rules",
        listeners={name.replace("_", "-"): Listener("127.0.0.1", port, "X") for name, port in listeners.items()},
    )
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def targets(parsed: dict[str, Any]) -> dict[str, list[str]]:
    return {job["job_name"]: job["static_configs"][0]["targets"] for job in parsed["scrape_configs"]}


def test_every_job_looks_at_the_part_of_this_machine() -> None:
    parsed = configuration(web=1, worker=2, exporter=3, redis_exporter=4, node_exporter=5, flower=6, prometheus=7)
    assert targets(parsed) == {
        "web": ["127.0.0.1:1"],
        "worker": ["127.0.0.1:2"],
        "celery": ["127.0.0.1:3"],
        "redis": ["127.0.0.1:4"],
        "node": ["127.0.0.1:5"],
        "flower": ["127.0.0.1:6"],
        "prometheus": ["127.0.0.1:7"],
    }
    assert not [job for job in parsed["scrape_configs"] if "dns_sd_configs" in job]
    assert parsed["global"]["scrape_interval"] == "10s"
    assert [Path(path).parent for path in parsed["rule_files"]] == [PROMETHEUS / "rules"]


def test_what_is_not_installed_is_not_missed() -> None:
    assert set(targets(configuration(web=1, worker=2, prometheus=7))) == {"web", "worker", "prometheus"}


def test_a_web_that_listens_everywhere_is_scraped_on_loopback() -> None:
    assert Listener("0.0.0.0", 5000, "PORT").address == "127.0.0.1:5000"
    assert Listener("::", 5000, "PORT").address == "[::1]:5000"
    assert Listener("::", 5000, "PORT").reachable == ("::1", 5000)
    assert Listener("10.0.0.7", 5000, "PORT").address == "10.0.0.7:5000"


def test_observers_listen_on_loopback_and_stop_after_the_worker_before_redis() -> None:
    parts = stack_parts(Settings(data_dir=Path("/data")), programs=WITHOUT_OURS, cores=2)
    names = [part.name for part in parts]
    assert names.index("prometheus") < names.index("worker")
    for part in parts:
        if part.optional:
            assert part.listener is not None
            assert f"127.0.0.1:{part.listener.port}" in " ".join(part.command)


def test_redis_exporter_measures_hints_and_jobs_and_carries_no_password() -> None:
    settings = Settings(data_dir=Path("/data"), redis_url=SecretStr("redis://:hunter2@10.0.0.1:6379/4"))
    (command,) = [p.command for p in observer_parts(settings, ALL) if p.name == "redis-exporter"]
    assert "hunter2" not in " ".join(command)
    keys = command[-1].partition("=")[2].split(",")
    assert {"db4=interactive", "db4=bulk", "db5=dentiq:queue:interactive", "db5=dentiq:queue:bulk"} <= set(keys)


def test_an_observer_whose_port_is_taken_is_left_out_and_nothing_else_is() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        taken: int = holder.getsockname()[1]
        free = free_port()
        parts = [
            Part("prometheus", ("p",), 1, 1, listener=Listener("127.0.0.1", taken, "X"), optional=True),
            Part("node-exporter", ("n",), 1, 1, listener=Listener("127.0.0.1", free, "Y"), optional=True),
            Part("web", ("w",), 1, 1, listener=Listener("127.0.0.1", taken, "Z")),
        ]
        assert [part.name for part in taken_observers(parts)] == ["prometheus"]


def test_a_secret_is_made_once_kept_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "flower" / "password"
    made = read_or_make_secret(file)
    assert len(made) >= 24
    assert read_or_make_secret(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert read_or_make_secret(tmp_path / "other") != made


@pytest.mark.parametrize("chosen", ["mine\n", "mine"])
def test_a_secret_that_a_person_put_there_is_taken(tmp_path: Path, chosen: str) -> None:
    (tmp_path / "password").write_text(chosen, encoding="utf-8")
    assert read_or_make_secret(tmp_path / "password") == "mine"
