"""`make reload`: every process of web, worker and beat is another one afterwards, and nobody was refused meanwhile."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from infra.local.processes import find_marked
from tests.fixtures.stack import LocalStack


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
