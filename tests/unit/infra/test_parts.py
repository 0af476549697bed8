"""What the local stack runs, for which settings."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from common.settings import Settings
from infra.local.device import worker_takes_gpu
from infra.local.part import Part
from infra.local.parts import Programs, stack_parts

EVERYTHING = Programs(redis_server=Path("/bin/redis-server"), exporter_python=Path("/venv/bin/python"))


def parts_by_name(
    settings: Settings | None = None, *, programs: Programs = EVERYTHING, on_gpu: bool = False
) -> dict[str, Part]:
    settings = settings or Settings(data_dir=Path("/data"))
    return {part.name: part for part in stack_parts(settings, programs=programs, cores=4, on_gpu=on_gpu)}


def test_parts_are_stopped_from_the_door_to_the_store() -> None:
    stopped_first_to_last = [*parts_by_name()][::-1]
    assert stopped_first_to_last == ["web", "beat", "worker", "flower", "exporter", "redis"]


def test_where_redis_runs_elsewhere_none_is_started() -> None:
    assert "redis" not in parts_by_name(programs=Programs(redis_server=None, exporter_python=None))


def test_without_its_environment_the_exporter_is_left_out() -> None:
    parts = parts_by_name(programs=Programs(redis_server=None, exporter_python=None))
    assert set(parts) == {"web", "beat", "worker", "flower"}


def test_no_secret_stands_in_a_command_line_or_in_the_supervisor_file() -> None:
    settings = Settings(data_dir=Path("/data"), redis_url=SecretStr("redis://:hunter2@10.0.0.1:6379/0"))
    for part in parts_by_name(settings).values():
        assert "hunter2" not in " ".join([*part.command, *part.environment.values()])


def test_redis_flower_and_exporter_listen_on_loopback_whatever_the_web_does() -> None:
    parts = parts_by_name(Settings(data_dir=Path("/data"), web_bind="0.0.0.0"))
    hosts = {name: part.listener.host for name, part in parts.items() if part.listener}
    inside = dict.fromkeys(("redis", "flower", "exporter", "worker"), "127.0.0.1")
    assert hosts == {**inside, "web": "0.0.0.0"}
    assert "--address=127.0.0.1" in parts["flower"].command
    assert parts["exporter"].command[-5:-2] == ("127.0.0.1", "--port", "9808")


def test_the_worker_has_one_process_a_core() -> None:
    assert "--concurrency=4" in parts_by_name()["worker"].command


def test_a_worker_for_a_gpu_has_one_process() -> None:
    assert "--concurrency=1" in parts_by_name(on_gpu=True)["worker"].command
    assert "--concurrency=3" in parts_by_name(Settings(worker_processes=3), on_gpu=True)["worker"].command


@pytest.mark.parametrize(
    ("chosen", "gpu_here", "taken"),
    [
        # What is left open falls to a GPU where there is one.
        ({}, True, True),
        ({"runtime": "torch"}, True, True),
        ({}, False, False),
        ({"device": "cpu"}, True, False),
        ({"runtime": "onnx"}, True, False),
        ({"device": "cuda"}, True, True),
    ],
)
def test_the_launcher_knows_what_the_worker_will_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, chosen: dict[str, str], gpu_here: bool, taken: bool
) -> None:
    # The real question in a real process, which meets a CUDA or none.
    (tmp_path / "sitecustomize.py").write_text(
        f"from worker.inference import devices\ndevices.cuda_is_usable = lambda: {gpu_here}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
    assert worker_takes_gpu(Settings.model_validate(chosen)) is taken


def test_the_settings_beat_the_number_of_cores() -> None:
    parts = parts_by_name(Settings(data_dir=Path("/data"), worker_processes=7))
    assert "--concurrency=7" in parts["worker"].command


def test_the_worker_drains_repairs_first_and_folders_last() -> None:
    command = parts_by_name()["worker"].command
    assert command[command.index("-Q") + 1] == "maintenance,interactive,bulk"


def test_only_eager_torch_keeps_its_memory() -> None:
    onnx = parts_by_name(Settings(data_dir=Path("/data"), runtime="onnx"))["worker"].environment
    torch = parts_by_name(Settings(data_dir=Path("/data"), runtime="torch"))["worker"].environment
    assert "MALLOC_TOP_PAD_" not in onnx
    assert "MALLOC_TOP_PAD_" in torch
    assert onnx["OMP_NUM_THREADS"] == torch["OMP_NUM_THREADS"] == "1"


def test_all_that_write_to_redis_wait_for_it() -> None:
    waiting = {name for name, part in parts_by_name().items() if part.needs_redis}
    assert waiting == {"web", "beat", "worker", "flower", "exporter"}


def test_only_the_observers_give_way_to_the_rest() -> None:
    giving_way = {name for name, part in parts_by_name().items() if part.command[0] == "nice"}
    assert giving_way == {"flower", "exporter"}
