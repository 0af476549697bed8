"""`make reload`: every process of web, worker and beat is another one afterwards, and nobody was refused meanwhile."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.processes import (
    MARK_VARIABLE,
    PART_VARIABLE,
    ProcessRecord,
    find_marked,
    record_process,
    start_of,
)
from infra.local.reload import reload_parts, renew_web
from infra.web_processes import ready
from tests.fixtures.stack import LocalStack
from tests.waiting import wait_until
from tests.web_server import WebServer, web_settings
from tests.webhook_receiver import SECRET


@contextmanager
def _load(stack: LocalStack, image: bytes) -> Iterator[Counter[str]]:
    """Submit from two threads, each job followed to its end by its sender."""
    answers: Counter[str] = Counter()
    stopping = threading.Event()

    def send() -> None:
        while not stopping.wait(0.02):
            try:
                answer = httpx.post(f"{stack.base_url}/api/v1/jobs", files={"image": ("a.jpg", image)}, timeout=60)
                answers[str(answer.status_code)] += 1
                job = httpx.get(f"{stack.base_url}/api/v1/jobs/{answer.json()['id']}", timeout=60)
                answers[f"{job.status_code} {job.json()['status'] == 'failed'}"] += 1
            except httpx.TransportError as error:
                answers[repr(error)] += 1

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    try:
        yield answers
    finally:
        stopping.set()
        for sender in senders:
            sender.join()


@pytest.mark.timeout(300)
def test_it_renews_every_process_and_refuses_nobody(stack: LocalStack, make_image: Callable[..., bytes]) -> None:
    def running() -> set[int]:
        parts = {pid for name in ("web", "worker", "beat") for pid in find_marked(stack.data_dir, part=name)}
        return parts - {stack.part_pid("web")}

    before = running()
    with _load(stack, make_image(width=99, height=80)) as answers:
        done = stack.launch("reload")
    assert done.returncode == 0, done.stdout
    assert before.isdisjoint(running())
    assert answers["202"] > 0
    assert set(answers) == {"202", "200 False"}


def test_without_a_running_platform_it_says_so(make_stack: Callable[[], LocalStack]) -> None:
    refused = make_stack().launch("reload")
    assert refused.returncode == 1
    assert "Nothing runs" in refused.stdout


@pytest.fixture
def two_processes(redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    """A web server as a part of a stack, of two processes; its new ones answer only where no file `hesitate` lies."""
    settings = web_settings(redis_url=redis_url, folder=tmp_path).model_copy(update={"web_processes": 2})
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    environment = {
        MARK_VARIABLE: str(settings.data_dir),
        PART_VARIABLE: "web",
        "DENTIQ_WEBHOOK_SECRET_FILE": str(secret),
    }
    server = WebServer(settings, environment=environment, configuration="tests.hesitant_gunicorn_conf")
    server.start()
    # The first answers while gunicorn has not yet made the second.
    wait_until(lambda: len(ready(settings.data_dir)) == 2, 30, what="both processes")
    yield server
    server.stop()


def _master_and_processes(server: WebServer) -> tuple[ProcessRecord, set[int]]:
    assert server.process is not None
    master = ProcessRecord(server.process.pid, start_of(server.process.pid))
    return master, find_marked(server.settings.data_dir, part="web") - {master.pid}


def test_new_processes_of_web_that_do_not_answer_are_taken_back(two_processes: WebServer) -> None:
    data_dir = two_processes.settings.data_dir
    master, before = _master_and_processes(two_processes)
    hesitate = data_dir / "hesitate"
    hesitate.touch()
    said: list[str] = []
    assert not renew_web(data_dir, master, say=said.append, start_seconds=0.5)
    assert "taken back" in said[0]
    assert _master_and_processes(two_processes) == (master, before)
    assert two_processes.answers()
    # gunicorn wants two again: another attempt finds no more and leaves no more.
    hesitate.unlink()
    assert renew_web(data_dir, master, say=said.append)
    _, after = _master_and_processes(two_processes)
    assert len(after) == 2
    assert after.isdisjoint(before)


def test_nothing_is_restarted_where_web_would_not_start_anew(two_processes: WebServer, tmp_path: Path) -> None:
    data_dir = two_processes.settings.data_dir
    master, before = _master_and_processes(two_processes)
    record_process(data_dir / "run" / "parts" / "web.json", master.pid)
    said: list[str] = []
    (tmp_path / "secret").write_text("no secret", encoding="utf-8")
    assert not reload_parts(data_dir, say=said.append)
    assert "nothing was restarted" in said[0]
    assert "DENTIQ_WEBHOOK_SECRET" in said[0]
    assert _master_and_processes(two_processes) == (master, before)
