"""The generated configuration, as supervisor itself reads it."""

import sys
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from common.errors import ConfigurationError
from infra.local.part import Part
from infra.local.supervisor_config import socket_path, supervisor_configuration

REDIS = Part(name="redis", command=("redis-server",), stop_rank=10, stop_seconds=30, needs_redis=False)
WEB = Part(name="web", command=("serve",), stop_rank=60, stop_seconds=10, environment={"GREETING": "a b, 100%"})


def read_by_supervisor(folder: Path, parts: list[Part], *, redis_port: int | None = 7000) -> dict[str, Any]:
    for name in ("log", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    content = supervisor_configuration(parts, data_dir=folder, working_folder=folder, redis_port=redis_port)
    file = folder / "supervisord.conf"
    file.write_text(content, encoding="utf-8")
    options = ServerOptions()
    options.realize(["-c", str(file)])
    return {group.name: group.process_configs[0] for group in options.process_group_configs}


def test_the_last_in_the_order_of_starting_is_stopped_first(tmp_path: Path) -> None:
    programs = read_by_supervisor(tmp_path, [WEB, REDIS])
    assert list(programs) == ["redis", "web"]  # supervisor sorts by priority, and stops from the end
    assert programs["web"].priority > programs["redis"].priority


def test_a_part_drains_alone_and_is_killed_with_all_its_processes(tmp_path: Path) -> None:
    web = read_by_supervisor(tmp_path, [WEB])["web"]
    assert (web.stopasgroup, web.killasgroup) == (False, True)
    assert web.stopwaitsecs == 10


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    web = read_by_supervisor(tmp_path, [WEB])["web"]
    assert bool(web.autorestart)
    assert web.startretries > 100


def test_each_part_runs_through_the_wrapper_that_waits_for_redis(tmp_path: Path) -> None:
    programs = read_by_supervisor(tmp_path, [WEB, REDIS])
    wrapper = f"{sys.executable} -m infra.local.child {tmp_path}/run/parts"
    assert programs["web"].command == f"{wrapper}/web.json 7000 serve"
    assert programs["redis"].command == f"{wrapper}/redis.json - redis-server"


def test_nobody_waits_for_a_redis_elsewhere(tmp_path: Path) -> None:
    web = read_by_supervisor(tmp_path, [WEB], redis_port=None)["web"]
    assert web.command.endswith("web.json - serve")


def test_spaces_and_commas_in_the_path_survive(tmp_path: Path) -> None:
    folder = tmp_path / "my data, here"
    web = read_by_supervisor(folder, [WEB])["web"]
    assert web.stdout_logfile == str(folder / "log" / "web.log")
    assert f"'{folder}/run/parts/web.json'" in web.command
    assert web.directory == str(folder)


def test_commas_and_percent_signs_in_a_variable_survive(tmp_path: Path) -> None:
    web = read_by_supervisor(tmp_path, [WEB])["web"]
    assert web.environment == {"GREETING": "a b, 100%"}


@pytest.mark.parametrize("name", ["a #b", "a ;b", 'a"b', "100%"])
def test_a_path_that_the_format_cannot_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_DATA_DIR"):
        read_by_supervisor(tmp_path / name, [WEB])


def test_the_control_socket_of_a_long_path_lies_elsewhere(tmp_path: Path) -> None:
    assert socket_path(Path("/data")) == Path("/data/run/supervisor.sock")
    far = socket_path(Path("/data") / ("x" * 120))
    assert len(str(far)) < 100
    assert far != socket_path(Path("/data") / ("y" * 120))
