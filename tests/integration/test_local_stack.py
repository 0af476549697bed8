"""`make run` for real: ready, restarted, stopped, crashed and started again."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from common.queues import QueueName
from infra.local.processes import MARK_VARIABLE, read_record, start_of
from tests.fixtures.stack import LocalStack
from tests.waiting import wait_until
from web.publisher import Publisher

MakeStack = Callable[[], LocalStack]
MakeImage = Callable[..., bytes]


def submit(stack: LocalStack, image: bytes) -> str:
    answer = httpx.post(f"{stack.base_url}/api/v1/jobs", files={"image": ("photo.jpg", image)}, timeout=10)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job_status(stack: LocalStack, job_id: str) -> str:
    return str(httpx.get(f"{stack.base_url}/api/v1/jobs/{job_id}", timeout=10).json()["status"])


def kill_part(stack: LocalStack, name: str) -> None:
    """Kill a part as the out-of-memory killer does, and wait until its successor lives."""
    before = stack.part_pid(name)
    _kill(before)  # it may just have ended by itself, such as beat when Redis was killed
    wait_until(lambda: stack.part_pid(name) != before and start_of(stack.part_pid(name)), 30, what=f"a new {name}")


def test_it_names_the_addresses_of_everything_that_it_started(stack: LocalStack) -> None:
    for address in (f"{stack.base_url}/", f"{stack.base_url}/api/docs", f"http://127.0.0.1:{stack.flower_port}/"):
        assert f" {address}\n" in stack.output
        answer = wait_until(lambda url=address: _answer(url, login=stack.flower_login), 20, what=address)
        assert answer.status_code == 200


def test_flower_asks_for_its_password(stack: LocalStack) -> None:
    address = f"http://127.0.0.1:{stack.flower_port}/"
    assert wait_until(lambda: _answer(address), 20, what="Flower").status_code == 401
    assert wait_until(lambda: _answer(address, login=("dentiq", "guess")), 20, what="Flower").status_code == 401


def _answer(url: str, *, login: tuple[str, str] | None = None) -> httpx.Response | None:
    try:
        return httpx.get(url, follow_redirects=True, timeout=10, auth=login)
    except httpx.TransportError:
        return None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="listening addresses are read from /proc")
def test_every_part_listens_on_loopback_alone(stack: LocalStack) -> None:
    everywhere = "00000000"
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        listening = {tuple(line.split()[1].split(":")) for line in table if line.split()[3] == "0A"}
    for port in (stack.port, stack.redis_port, stack.flower_port):
        assert (everywhere, f"{port:04X}") not in listening
        assert ("0100007F", f"{port:04X}") in listening


def test_a_second_launcher_on_the_same_data_is_refused(stack: LocalStack) -> None:
    second = stack.launch("run")
    assert second.returncode == 2
    assert "runs already" in second.stderr
    assert "make stop" in second.stderr
    assert stack.is_ready()


def test_a_taken_port_is_named_before_anything_starts(make_stack: MakeStack) -> None:
    stack = make_stack()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.flower_port))
        holder.listen(1)
        refused = stack.launch("run")
    assert refused.returncode == 2
    assert f"Port {stack.flower_port} for flower is taken" in refused.stderr
    assert "DENTIQ_FLOWER_PORT" in refused.stderr
    assert not (stack.data_dir / "log").exists()


def test_a_wrong_setting_is_told_without_a_traceback(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.port = 99999
    refused = stack.launch("run")
    assert refused.returncode == 2
    assert "DENTIQ_PORT is '99999'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_killed_part_runs_again_and_jobs_go_on(make_stack: MakeStack, make_image: MakeImage) -> None:
    stack = make_stack()
    stack.start()
    for name in ("redis", "worker", "web", "beat", "flower"):
        kill_part(stack, name)
    wait_until(stack.is_ready, 60, what="readiness after every part was killed")
    job_id = submit(stack, make_image(width=320, height=240))
    wait_until(lambda: job_status(stack, job_id) == "succeeded", 30, what="the job's result")

    ours = stack.processes()
    assert ours
    assert stack.stop(signal.SIGTERM) == 0
    assert stack.processes() == set()
    assert not any(_alive(pid) for pid in ours)


def test_after_a_crash_it_comes_up_with_all_earlier_jobs(make_stack: MakeStack, make_image: MakeImage) -> None:
    stack = make_stack()
    stack.start()
    job_ids = [submit(stack, make_image(width=100 + number, height=90)) for number in range(12)]
    assert stack.process is not None
    for pid in (stack.process.pid, *stack.processes()):
        _kill(pid)
    stack.process.wait()

    stack.start()
    for job_id in job_ids:
        wait_until(lambda one=job_id: job_status(stack, one) == "succeeded", 40, what="an earlier job's result")

    stopped = stack.launch("stop")
    assert stopped.returncode == 0, stopped.stdout
    assert stack.process.wait(timeout=10) == 0
    assert stack.processes() == set()
    assert "Nothing runs" in stack.launch("stop").stdout


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells a process of its parent's death")
def test_a_killed_launcher_takes_everything_with_it(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start()
    assert stack.process is not None
    stack.process.kill()
    stack.process.wait()
    wait_until(lambda: not stack.processes(), 60, what="the end of every part")


def halt_part(stack: LocalStack, name: str) -> int:
    """Keep a part from hearing of its parent's death, as one does that hangs in the disk; returns its process."""
    pid = stack.part_pid(name)
    os.kill(pid, signal.SIGSTOP)
    return pid


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux finds orphans by their environment")
def test_orphans_of_a_killed_supervisor_hold_up_no_later_run(make_stack: MakeStack, make_image: MakeImage) -> None:
    stack = make_stack()
    stack.start()
    job_id = submit(stack, make_image(width=320, height=240))
    orphan = halt_part(stack, "redis")
    assert stack.process is not None
    for pid in (stack.process.pid, supervisor_pid(stack)):
        _kill(pid)
    stack.process.wait()

    stack.start()
    assert re.search(r"^Stopped \d+ process\(es\) that an earlier run had left", stack.output, re.MULTILINE)
    assert not start_of(orphan)
    wait_until(lambda: job_status(stack, job_id) == "succeeded", 40, what="the earlier job's result")

    halt_part(stack, "web")
    _kill(supervisor_pid(stack))
    assert stack.process.wait(timeout=60) == 1
    assert "The supervisor died; stopping the rest." in stack.output
    assert stack.processes() == set()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux finds orphans by their environment")
def test_stop_ends_what_an_earlier_run_left(make_stack: MakeStack) -> None:
    stack = make_stack()
    marked = {**os.environ, MARK_VARIABLE: str(stack.data_dir.resolve())}
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=marked) as orphan:
        wait_until(lambda: orphan.pid in stack.processes(), what="the orphan")
        stopped = stack.launch("stop")
        assert orphan.wait(timeout=1) == -signal.SIGTERM
    assert (stopped.returncode, stopped.stdout) == (
        0,
        "Stopped 1 process(es) that an earlier run had left.\nStopped.\n",
    )


def supervisor_pid(stack: LocalStack) -> int:
    record = read_record(stack.data_dir / "run" / "supervisord.json")
    assert record is not None
    return record.pid


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_heat_map_waits_for_no_stale_hint(stack: LocalStack, make_image: MakeImage) -> None:
    job_id = submit(stack, make_image(width=240, height=180))
    wait_until(lambda: job_status(stack, job_id) == "succeeded", 60, what="the result")
    unsent = Counter("unsent", "Hints that were not sent.", registry=CollectorRegistry())
    publisher = Publisher(stack.redis_url, pool_size=1, unsent=unsent)
    # As after a rush: each woke a process that found nothing, and of these some began to wait for jobs.
    for _ in range(16):
        assert publisher.publish(QueueName.INTERACTIVE)
    publisher.broker.close()
    answer = httpx.get(f"{stack.base_url}/api/v1/jobs/{job_id}/explanation", params={"wait": 20}, timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
