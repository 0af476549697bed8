"""The lease by which one beat of several sends the periodic messages."""

import os
import secrets
import socket
from typing import Any, Final

import redis

from common.jobs.keys import PREFIX

# In the broker's database, beside the messages that it is about. string with a time to live: which beat sends.
KEY: Final = PREFIX + "beat"


class BeatLease:
    """Hold the right to send, for as long as it is asked for again in time.

    Where a node is lost, an orchestrator may start a second beat while the first still runs. Each message would then be
    sent twice: harmless, for sweeps may run beside each other, but work for nothing.

    Args:
        life_seconds: Time after which a silent holder loses it.
    """

    def __init__(self, *, life_seconds: float) -> None:
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._life_milliseconds = round(life_seconds * 1000)

    def take(self, broker: Any) -> bool:
        """Take or prolong it; tell whether it is held.

        Between the look and the prolonging it may end and be another's: then both send once, which is harmless.
        """
        if broker.set(KEY, self._name, nx=True, px=self._life_milliseconds):
            return True
        if self._is_ours(broker):
            broker.pexpire(KEY, self._life_milliseconds)
            return True
        return False

    def leave(self, broker: Any) -> None:
        """Give it up, so that the next beat need not wait for its end. A Redis that is away ends it by itself."""
        try:
            if self._is_ours(broker):
                broker.delete(KEY)
        except (redis.RedisError, OSError):
            return

    def _is_ours(self, broker: Any) -> bool:
        holder = broker.get(KEY)
        return (holder.decode() if isinstance(holder, bytes) else holder) == self._name
