"""The Compose file keeps its promises: what is open, what is kept, what waits for what, and what each part may take."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.jobs.keys import QUEUE
from common.queues import CONSUMED_QUEUES, QueueName
from common.settings import ENV_PREFIX, Settings
from infra.local.observers import redis_exporter_keys
from infra.secret_file import read_or_make_secret

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GPU: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8")

# Images that hold one program and nothing that could check it, and beat, which answers no questions.
WITHOUT_HEALTH_CHECK = {"redis-exporter", "node-exporter", "beat", "secrets", "keys"}

# They do one thing and end: the one at each start, the other when somebody calls it.
ONE_SHOT = {"secrets", "keys"}

# Settings that the Compose file decides itself, or that it passes on as a file.
DECIDED = {"data_dir", "redis_url", "job_store_url", "model_store_dir", "keys_file", "webhook_secret"}
DECIDED |= {"web_bind", "published_bind", "port", "web_metrics_bind", "web_metrics_port", "s3_secret_access_key"}
DECIDED |= {"worker_metrics_bind", "worker_metrics_port", "worker_processes", "flower_url", "prometheus_url"}
DECIDED |= {"grafana_url", "redis_password", "sentinel_password", "redis_ca_file", "redis_cert_file", "redis_key_file"}

# They name ports of the local stack's parts; here these have containers of their own.
OF_THE_LOCAL_STACK = {"local_redis_port", "flower_port", "exporter_port", "prometheus_port"}
OF_THE_LOCAL_STACK |= {"node_exporter_port", "redis_exporter_port"}

# Images of our own, with the stage of the Dockerfile that makes each.
BUILT = {service["image"]: service["build"]["target"] for service in SERVICES.values() if "build" in service}

services = pytest.mark.parametrize("name", sorted(SERVICES))


def test_it_brings_up_the_whole_platform() -> None:
    parts = {"redis", "web", "worker", "beat", "flower", *ONE_SHOT}
    assert set(SERVICES) == parts | {"celery-exporter", "redis-exporter", "node-exporter", "prometheus", "grafana"}


def test_four_ports_are_published_all_on_loopback_and_only_web_can_be_opened() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "web": ["${WEB_BIND:-127.0.0.1}:${WEB_PORT:-5000}:5000"],
        "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
        "flower": ["127.0.0.1:${FLOWER_PORT:-5555}:5555"],
    }
    # Web knows where it is published, and refuses to be open without keys (see infra.exposure).
    assert SERVICES["web"]["environment"]["DENTIQ_PUBLISHED_BIND"] == "${WEB_BIND:-127.0.0.1}"


@services
def test_a_service_comes_back_has_limits_and_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"memory", "cpus"}
    assert set(service.get("cap_add", ())) <= ({"CHOWN", "SETGID", "SETUID"} if name == "redis" else set())


@services
def test_a_service_runs_as_a_user_without_privileges(name: str) -> None:
    if SERVICES[name]["image"] in BUILT:
        assert re.search(rf"AS {BUILT[SERVICES[name]['image']]}\n(?:(?!FROM).*\n)*USER dentiq", DOCKERFILE)
    elif name != "redis":  # its own entry point becomes the user redis
        assert int(SERVICES[name]["user"].partition(":")[0]) > 0


@services
def test_a_service_says_whether_it_is_well(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) == (name not in WITHOUT_HEALTH_CHECK)


@services
def test_whoever_needs_a_service_waits_until_it_is_well(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        if needed in ONE_SHOT:
            assert how == {"condition": "service_completed_successfully"}
        else:
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[needed]
    if name not in {"redis", "secrets", "keys", "node-exporter", "grafana", "prometheus", "flower"}:
        assert "redis" in SERVICES[name]["depends_on"]


@services
def test_an_image_is_ours_or_pinned_to_a_release(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image in BUILT or re.fullmatch(r"[\w./-]+:v?\d+[\w.-]+", image)


def test_the_tags_are_those_that_the_rig_stands_in_for() -> None:
    listed = ROOT.parent / "shared" / "rig" / "images.txt"
    if not listed.exists():
        pytest.skip("the rig is not beside this checkout")
    stand_ins = {line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()}
    pulled = {service["image"] for service in SERVICES.values()} - set(BUILT)
    pulled |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, flags=re.MULTILINE))
    assert pulled <= stand_ins


def test_redis_is_stopped_and_not_killed() -> None:
    # An init without CAP_KILL cannot pass the signal on to the user redis.
    assert SERVICES["redis"]["init"] is False


def test_uploads_are_spooled_on_a_disk_and_not_in_memory() -> None:
    web = SERVICES["web"]
    volumes = [volume.partition(":")[2] for volume in web["volumes"]]
    assert any(web["environment"]["TMPDIR"].startswith(f"{folder}/") for folder in volumes)


def test_redis_keeps_what_it_accepted() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


def test_everything_that_must_outlive_a_container_has_a_named_volume() -> None:
    kept = {"redis", "data", "keys", "flower", "flower-secret", "prometheus", "grafana", "grafana-secret"}
    assert set(COMPOSE["volumes"]) == kept
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert {volume for volume in mounted if not volume.startswith((".", "/"))} == kept


@pytest.mark.parametrize("services_of", [SERVICES, GPU["services"]], ids=["compose", "gpu"])
def test_every_setting_that_it_passes_on_exists(services_of: dict[str, Any]) -> None:
    for service in services_of.values():
        given = [name for name in service.get("environment", {}) if name.startswith(ENV_PREFIX)]
        fields = {name.removeprefix(ENV_PREFIX).lower() for name in given}
        # A secret may also be given as the name of a file.
        assert {field for field in fields if field.removesuffix("_file") not in DECIDED} <= set(Settings.model_fields)


def test_every_setting_reaches_the_containers_or_is_decided_here() -> None:
    passed = COMPOSE["x-settings"]
    assert {name.removeprefix(ENV_PREFIX).lower() for name in passed} == (
        set(Settings.model_fields) - DECIDED - OF_THE_LOCAL_STACK
    )
    assert passed == {name: f"${{{name}:-}}" for name in passed}
    for name in ("web", "worker", "beat", "flower"):
        assert passed.items() <= SERVICES[name]["environment"].items()


def test_every_setting_that_the_runbook_names_reaches_the_containers() -> None:
    runbook = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"`({ENV_PREFIX}\w+)`", runbook))
    assert named
    assert named <= set(COMPOSE["x-settings"])


def test_the_defaults_ask_for_no_more_than_one_processor() -> None:
    for service in [*SERVICES.values(), *GPU["services"].values()]:
        limit = service["deploy"]["resources"]["limits"]["cpus"]
        assert float(re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", limit)) <= 1


def test_each_service_sees_its_own_secrets_alone_and_none_can_change_them() -> None:
    secret = {"keys", "flower-secret", "grafana-secret"}
    seen = {
        (name, volume.split(":")[0]): volume.endswith(":ro")
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
        if volume.split(":")[0] in secret
    }
    writers = {"keys": {("keys", "keys")}, "secrets": {("secrets", "flower-secret"), ("secrets", "grafana-secret")}}
    readers = {("web", "keys"), ("flower", "flower-secret"), ("grafana", "grafana-secret")}
    assert {mount for mount, read_only in seen.items() if read_only} == readers
    assert {mount for mount, read_only in seen.items() if not read_only} == set().union(*writers.values())
    assert SERVICES["secrets"]["network_mode"] == "none"
    # The list of keys says when each was last used, which the job store knows.
    assert not SERVICES["keys"].get("ports")
    signers = {name for name, service in SERVICES.items() if "webhook-secret" in service.get("secrets", ())}
    assert signers == {"web", "beat"}


def test_the_code_in_an_image_can_be_read_whatever_the_umask_of_the_checkout() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS ([\w-]+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, flags=re.MULTILINE | re.DOTALL))
    assert "RUN chmod -R u=rwX,go=rX /app" in stages["code"]
    for stage in ("web", "worker"):
        copied = re.findall(r"^COPY (.*)$", stages[stage], flags=re.MULTILINE)
        assert copied
        assert [source for source in copied if not source.startswith("--from=")] == []


def test_a_worker_is_well_only_with_a_model() -> None:
    assert SERVICES["worker"]["healthcheck"]["test"][:4] == ["CMD", "python", "-m", "worker.health"]


def test_no_password_stands_in_it() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY(_FILE)?$", name):
                assert name.endswith("_FILE")
                assert str(value).startswith("/")


def test_secrets_of_containers_are_made_once_and_not_alike(tmp_path: Path) -> None:
    made = [read_or_make_secret(tmp_path / name, mode=0o644) for name in ("a", "b")]
    assert len(set(made)) == 2
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_workers_can_be_many_and_stop_in_their_own_time() -> None:
    worker = SERVICES["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker
    assert int(worker["stop_grace_period"].removesuffix("s")) >= 40
    command = worker["command"]
    assert command[command.index("-Q") + 1] == ",".join(CONSUMED_QUEUES)


def test_flower_asks_for_a_password_remembers_and_is_bounded() -> None:
    command = SERVICES["flower"]["command"][-1]
    for option in ("FLOWER_BASIC_AUTH=", "--persistent=True", "--db=/flower/flower", "--max-tasks=10000"):
        assert option in command


def test_redis_exporter_measures_every_queue() -> None:
    keys = SERVICES["redis-exporter"]["environment"]["REDIS_EXPORTER_CHECK_SINGLE_KEYS"]
    assert keys == redis_exporter_keys(broker=0, job_store=1)
    assert all(f"{QUEUE}{queue.value}" in keys for queue in QueueName)


def test_prometheus_scrapes_services_that_exist_on_ports_that_they_have() -> None:
    jobs = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    hosts = {name for job in jobs for found in job.get("dns_sd_configs", ()) for name in found["names"]}
    hosts |= {t.partition(":")[0] for job in jobs for s in job.get("static_configs", ()) for t in s["targets"]}
    assert hosts - {"localhost"} <= set(SERVICES)


def test_a_gpu_worker_differs_in_what_a_gpu_needs_alone() -> None:
    worker = GPU["services"]["worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert worker["build"]["args"]["INSTALL_TORCH"] == "1"
    ours = [option for option in SERVICES["worker"]["command"] if not option.startswith("--concurrency")]
    theirs = [option for option in worker["command"] if not option.startswith("--concurrency")]
    assert ours == theirs


def test_every_image_of_ours_is_built_by_one_service() -> None:
    """Beat and Flower run the worker's image: a name that nobody builds is pulled from nowhere, or is an old build."""
    for files in ([SERVICES], [SERVICES, GPU["services"]]):
        services = {
            name: {key: value for file in files for key, value in file.get(name, {}).items()} for name in SERVICES
        }
        built = [service["image"] for service in services.values() if "build" in service]
        used = {service["image"] for service in services.values() if "COMPOSE_PROJECT_NAME" in service["image"]}
        # Under a fixed name a second checkout would take over the tag of the first and have its containers recreated.
        assert sorted(built) == sorted(used) == ["${COMPOSE_PROJECT_NAME}-web", "${COMPOSE_PROJECT_NAME}-worker"]


def test_the_web_image_is_built_from_dependencies_without_a_network() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS ([\w-]+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, flags=re.MULTILINE | re.DOTALL))
    assert "pip install --require-hashes -r web.txt" in stages["web-dependencies"]
    stages["web.txt"] = (ROOT / "infra" / "docker" / "web.txt").read_text(encoding="utf-8")
    for stage in ("base", "dependencies", "web-dependencies", "web", "web.txt"):
        assert not re.search(r"torch|onnx|numpy|worker", stages[stage]), stage
    assert "INSTALL_TORCH=0" in stages["worker-dependencies"]


def test_docker_compose_reads_both_files() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    for files in (["docker-compose.yml"], ["docker-compose.yml", "docker-compose.gpu.yml"]):
        options = [word for file in files for word in ("-f", file)]
        done = subprocess.run(
            ["docker", "compose", *options, "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if "is not a docker command" in done.stderr:
            pytest.skip("docker has no compose plugin")
        assert done.returncode == 0, done.stderr


def test_every_variable_that_a_person_may_set_is_explained() -> None:
    files = [ROOT / "docker-compose.yml", ROOT / "docker-compose.gpu.yml"]
    used = {name for file in files for name in re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", file.read_text(encoding="utf-8"))}
    table = (
        (ROOT / "docs" / "compose.md").read_text(encoding="utf-8").partition("## Variables")[2].partition("\n## ")[0]
    )
    assert used == set(re.findall(r"`([A-Z0-9_]+)`", table))
