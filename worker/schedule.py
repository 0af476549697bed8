"""Beat's scheduler: periodic messages that do not pile up while no worker takes them."""

from typing import Any, Final

import redis
from celery.beat import ScheduleEntry, Scheduler
from kombu.exceptions import OperationalError
from structlog import get_logger

log = get_logger(__name__)

# One message at work's door and one behind it; the next is a second away. Without a bound a weekend without workers
# would leave 200,000 of them, about 120 MB of Redis.
_MOST_WAITING: Final = 2


class BoundedScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Leave a periodic message out while earlier ones of its queue still wait.

    It keeps its schedule in memory: an interval leaves nothing to remember in a file.
    """

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send an entry's message unless enough of them wait. A broker that is away is logged; beat tries again."""
        # The channel raises what redis-py raises: loading, refused, reset; all of it passes.
        try:
            waiting = producer.channel.queue_declare(entry.options["queue"]).message_count
        except (OperationalError, OSError, redis.RedisError) as error:
            log.warning("schedule_interrupted", entry=entry.name, reason=str(error))
            return
        if waiting < _MOST_WAITING:
            super().apply_entry(entry, producer=producer)
