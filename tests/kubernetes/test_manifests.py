"""The rendered manifests are what Kubernetes takes, fit to each other, and keep what dentiq promises."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from common.queues import CONSUMED_QUEUES
from common.settings import ENV_PREFIX, Settings
from infra import prometheus_rule
from tests.contract.promql import known_metrics, metrics_named
from tests.kubernetes.rendering import Manifest, render
from tests.kubernetes.schemas import SCHEMAS
from worker.celery_app import create_app

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "infra" / "kubernetes" / "base"
OVERLAYS = ROOT / "infra" / "kubernetes" / "overlays"
# The oldest release that gets mends at the time of writing, and the newest that is known.
RELEASES = ("1.34", kubernetes_validate.latest_version())
DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.fixture(params=["cpu", "gpu"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(OVERLAYS / request.param)


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [item for item in manifests if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def pods(manifests: list[Manifest]) -> dict[str, Any]:
    return {item["metadata"]["name"]: item["spec"]["template"] for item in manifests if item["kind"] == "Deployment"}


def container(manifests: list[Manifest], name: str) -> Any:
    (found,) = pods(manifests)[name]["spec"]["containers"]
    return found


def environment(manifests: list[Manifest], name: str) -> dict[str, str]:
    found = container(manifests, name)
    shared = [source["configMapRef"]["name"] for source in found["envFrom"]]
    assert shared == ["dentiq-settings"]
    settings = one(manifests, "ConfigMap", "dentiq-settings")["data"]
    return settings | {variable["name"]: variable["value"] for variable in found.get("env", ())}


def test_kubernetes_takes_them(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] in SCHEMAS:
            jsonschema.validate(manifest, SCHEMAS[manifest["kind"]])
        else:
            for release in RELEASES:
                kubernetes_validate.validate(manifest, release, strict=True)


@pytest.mark.parametrize("kind", ["Deployment", "ScaledObject"])
def test_a_field_that_there_is_not_would_be_noticed(manifests: list[Manifest], kind: str) -> None:
    manifest = one(manifests, kind, "worker")
    manifest["spec"]["replica"] = 1
    with pytest.raises(jsonschema.ValidationError, match="replica"):
        test_kubernetes_takes_them([manifest])


def test_every_file_of_the_base_is_part_of_it() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert {path.name for path in BASE.glob("*.yaml")} == {*listed, "kustomization.yaml"}


def test_the_settings_of_each_part_are_settings_of_dentiq(manifests: list[Manifest]) -> None:
    for name in ("web", "worker", "beat"):
        given = {key: value for key, value in environment(manifests, name).items() if key.startswith(ENV_PREFIX)}
        # Names alone where a value is in a file that only the pod has; an unknown name is refused.
        files = {key.removesuffix("_FILE") for key in given if key.endswith("_FILE") and "/secrets/" in given[key]}
        files.discard("DENTIQ_KEYS")
        known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
        assert files <= known
        Settings.from_env({key: value for key, value in given.items() if key.removesuffix("_FILE") not in files})


def test_no_secret_stands_in_them_and_each_part_mounts_its_own_alone(manifests: list[Manifest]) -> None:
    assert not [item for item in manifests if item["kind"] == "Secret"]
    mounted = {
        name: {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        for name, pod in pods(manifests).items()
    }
    # A worker that a picture took over cannot make keys nor sign webhooks; beat stores no image.
    assert mounted == {
        "web": {"dentiq-redis", "dentiq-s3", "dentiq-keys", "dentiq-webhook"},
        "worker": {"dentiq-redis", "dentiq-s3"},
        "beat": {"dentiq-redis", "dentiq-webhook"},
    }


def test_every_file_that_a_setting_names_is_mounted_read_only(manifests: list[Manifest]) -> None:
    for name in ("web", "worker", "beat"):
        mounts = {mount["mountPath"]: mount for mount in container(manifests, name)["volumeMounts"]}
        settings = environment(manifests, name)
        named = {Path(value).parent.as_posix() for value in settings.values() if value.startswith("/secrets/")}
        assert named <= set(mounts)
        assert all(mounts[folder]["readOnly"] for folder in named)
        volumes = {volume["name"] for volume in pods(manifests)[name]["spec"]["volumes"]}
        assert {mount["name"] for mount in mounts.values()} == volumes


def test_nobody_is_root_and_nothing_is_written_outside_of_volumes(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests).items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert f"--uid {pod['spec']['securityContext']['runAsUser']} " in DOCKERFILE
        assert pod["spec"]["automountServiceAccountToken"] is False
        context = container(manifests, name)["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_each_asks_for_what_it_needs_and_has_a_bound_of_memory(manifests: list[Manifest]) -> None:
    for name in pods(manifests):
        resources = container(manifests, name)["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]


def test_the_images_are_those_that_the_dockerfile_builds_under_a_pinned_tag(manifests: list[Manifest]) -> None:
    targets = set(re.findall(r"^FROM \S+ AS ([\w-]+)$", DOCKERFILE, flags=re.MULTILINE))
    for name in pods(manifests):
        image, _, tag = container(manifests, name)["image"].partition(":")
        assert image.removeprefix("dentiq-") in targets
        assert tag
        assert tag != "latest"
        # As Compose has it: beat runs the worker's image.
        assert COMPOSE[name]["image"] == f"${{COMPOSE_PROJECT_NAME}}-{image.removeprefix('dentiq-')}"


def test_the_parts_run_what_they_run_in_compose(manifests: list[Manifest]) -> None:
    def words(command: list[str]) -> list[str]:
        text = " ".join(command)
        return re.sub(r"--concurrency=\S+", "--concurrency", text).split()

    for name in pods(manifests):
        assert words(container(manifests, name)["command"]) == words(COMPOSE[name]["command"])
    assert ",".join(CONSUMED_QUEUES) in container(manifests, "worker")["command"]


def test_ports_are_those_that_the_parts_listen_on(manifests: list[Manifest]) -> None:
    def ports(name: str) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in container(manifests, name)["ports"]}

    given = environment(manifests, "web")
    assert ports("web") == {"http": Settings().port, "metrics": int(given["DENTIQ_WEB_METRICS_PORT"])}
    assert ports("worker") == {"metrics": Settings().worker_metrics_port}
    (service,) = one(manifests, "Service", "web")["spec"]["ports"]
    assert service["targetPort"] in ports("web")
    for monitor in (item for item in manifests if item["kind"] == "PodMonitor"):
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in ports(monitor["metadata"]["name"])


def test_what_selects_pods_finds_some(manifests: list[Manifest]) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods(manifests).values()]
    for item in manifests:
        spec = item.get("spec", {})
        selectors = [spec.get("podSelector"), spec.get("selector")]
        for selector in (selector for selector in selectors if selector):
            wanted = selector.get("matchLabels", selector)
            assert [found for found in labels if wanted.items() <= found.items()], item["metadata"]["name"]


def test_stopping_waits_for_what_is_under_way(manifests: list[Manifest]) -> None:
    grace = {name: pod["spec"]["terminationGracePeriodSeconds"] for name, pod in pods(manifests).items()}
    assert grace["worker"] > create_app(Settings()).conf.task_time_limit
    pause = int(container(manifests, "web")["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pause >= 5
    assert grace["web"] > pause + Settings().max_wait_seconds + 5


def test_web_answers_while_no_worker_runs(manifests: list[Manifest]) -> None:
    """Its probes ask for nothing else, or nobody could submit what wakes the first worker."""
    web = container(manifests, "web")
    assert {web[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {
        "/healthz"
    }


def test_there_is_exactly_one_beat(manifests: list[Manifest]) -> None:
    spec = one(manifests, "Deployment", "beat")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert [name for name in pods(manifests) if "beat" in container(manifests, name)["command"]] == ["beat"]


def test_the_numbers_of_web_and_workers_are_their_autoscalers(manifests: list[Manifest]) -> None:
    scaled = {
        item["spec"]["scaleTargetRef"]["name"]
        for item in manifests
        if item["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}
    }
    assert scaled == {"web", "worker"}
    for name in scaled:
        assert "replicas" not in one(manifests, "Deployment", name)["spec"]


def test_workers_follow_metrics_that_exist(manifests: list[Manifest]) -> None:
    triggers = one(manifests, "ScaledObject", "worker")["spec"]["triggers"]
    named = {name for trigger in triggers for name in metrics_named(trigger["metadata"]["query"])}
    assert {"dentiq_queue_oldest_age_seconds", "dentiq_queue_depth"} <= named
    assert named <= known_metrics()


def test_the_rules_are_those_of_prometheus() -> None:
    assert (BASE / "rules.yaml").read_text(encoding="utf-8") == prometheus_rule.render()
    groups = yaml.safe_load(prometheus_rule.render())["spec"]["groups"]
    files = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
    assert groups == [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]


def test_a_gpu_worker_owns_one_device_with_one_process() -> None:
    manifests = render(OVERLAYS / "gpu")
    given = environment(manifests, "worker")
    assert (given["WORKER_PROCESSES"], given["DENTIQ_DEVICE"], given["DENTIQ_RUNTIME"]) == ("1", "cuda", "torch")
    assert container(manifests, "worker")["resources"]["limits"]["nvidia.com/gpu"] == "1"
