"""Counting the commands that a Redis is sent, apart from those that its scripts call within it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import redis

from tests.waiting import wait_until


@dataclass
class Commands:
    """What Redis was asked to do.

    Attributes:
        sent: Commands that crossed the network, by name: a round trip each, or a share of one.
        within: Commands that scripts called, by name: Redis's own work.
    """

    sent: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)


@contextmanager
def counted(url: str) -> Iterator[Commands]:
    """Count every command, of all clients and databases, that Redis carries out while the block runs."""
    commands, end = Commands(), f"counted-{uuid4().hex}"
    ready, done = threading.Event(), threading.Event()
    with redis.Redis.from_url(url, decode_responses=True) as client:
        thread = threading.Thread(
            target=_listen, args=(client, commands, end, ready, done), name="monitor", daemon=True
        )
        thread.start()
        assert ready.wait(10)
        yield commands
        # Redis tells commands in their order: once it tells this one, nothing before it is missing.
        client.echo(end)
        wait_until(done.is_set, 60, what="the end of what was counted")
        thread.join()


def _listen(client: Any, commands: Commands, end: str, ready: threading.Event, done: threading.Event) -> None:
    with client.monitor() as monitor:
        ready.set()
        for told in monitor.listen():
            name, _, rest = told["command"].partition(" ")
            if rest == end:
                done.set()
                return
            counter = commands.within if told["client_type"] == "lua" else commands.sent
            counter[name.upper()] += 1
