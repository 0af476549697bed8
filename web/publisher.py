"""Sending work hints to the workers: a Celery client that only publishes, by task name, and never waits for long."""

from time import monotonic
from typing import Any, Final

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from prometheus_client import Counter

from common.messages import ExplanationRequest, WorkHint
from common.queues import QueueName, broker_transport_options
from common.redis_client import connect
from common.redis_urls import celery_broker

# A hint that cannot be sent at once is dropped, for the sweeper sends another: the sender of an image must not wait.
_CONNECT_SECONDS = 1.0
_QUICK_FAILURE = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "connect_retries_timeout": _CONNECT_SECONDS,
    "socket_connect_timeout": _CONNECT_SECONDS,
    "socket_timeout": 2.0,
}

# A broker that is silent costs its sender 2 s: after one failure the sweeper sends the hints for a while.
_REST_SECONDS = 5.0

# While so many hints of a queue wait, another one is work for nothing: a waiting hint is taken after the job was
# recorded, and whoever takes one works on until the queue is empty. It is the number of processes that can be woken at
# once, not one, so that idle ones do not wait for each other; where there are more, the sweeper wakes the rest within a
# second.
_ENOUGH_HINTS: Final = 16

_log = structlog.get_logger(__name__)


class Publisher:
    """Tell workers that jobs wait.

    Args:
        broker_url: Redis URL of the broker.
        pool_size: Most connections of this process, one a thread at most.
        unsent: Counts the hints that the broker did not take.

    Attributes:
        broker: A client of it.
    """

    def __init__(self, broker_url: str, *, pool_size: int, unsent: Counter) -> None:
        self._unsent = unsent
        self._rests_until = 0.0
        self.broker = connect(broker_url, timeout_seconds=_CONNECT_SECONDS, max_connections=pool_size)
        broker = celery_broker(broker_url)
        self._celery = Celery("dentiq.web", set_as_current=False)
        self._celery.conf.update(
            broker,
            accept_content=["json"],
            broker_connection_retry=False,
            broker_connection_timeout=_CONNECT_SECONDS,
            broker_pool_limit=pool_size,
            broker_transport_options=broker_transport_options() | _QUICK_FAILURE | broker["broker_transport_options"],
            task_ignore_result=True,
            task_publish_retry=False,
            task_serializer="json",
        )

    def publish(self, queue: QueueName) -> bool:
        """Send one hint unless enough of them wait; return whether somebody will come.

        A failure is logged, never raised.
        """
        call = WorkHint(queue).to_call()
        if self._rests():
            return False
        try:
            # Sending costs eight times as much as this look, and taking it costs a worker more than that.
            if int(self.broker.llen(queue.value)) >= _ENOUGH_HINTS:
                return True
        except (redis.RedisError, OSError) as error:
            self._failed(call, error)
            return False
        return self._send(call)

    def request_explanation(self, job_id: str) -> bool:
        """Send for a heat map, which a person waits for; return whether the broker took it."""
        call = ExplanationRequest(job_id).to_call()
        return not self._rests() and self._send(call)

    def _rests(self) -> bool:
        if monotonic() >= self._rests_until:
            return False
        self._unsent.inc()
        return True

    def _send(self, call: dict[str, Any]) -> bool:
        try:
            self._celery.send_task(**call)
        except (OperationalError, OSError) as error:
            self._failed(call, error)
            return False
        return True

    def _failed(self, call: dict[str, Any], error: Exception) -> None:
        self._rests_until = monotonic() + _REST_SECONDS
        self._unsent.inc()
        _log.warning("hint_unsent", task=call["name"], queue=call["queue"], reason=str(error))
