"""Beat's scheduler: periodic messages that one beat sends, and that do not pile up while no worker takes them."""

from functools import cached_property
from typing import Any, Final

import redis
from celery.beat import ScheduleEntry, Scheduler
from kombu.exceptions import OperationalError
from structlog import get_logger

from worker.beat_lease import BeatLease

log = get_logger(__name__)

# One message at work's door and one behind it; the next is a second away. Without a bound a weekend without workers
# would leave 200,000 of them, about 120 MB of Redis.
_MOST_WAITING: Final = 2

# A beat that misses three of its turns is gone; sweeping starts again that much later.
_TURNS_OF_A_LEASE: Final = 3
_SHORTEST_LEASE_SECONDS: Final = 2.0

# Consumers wait for messages without an end, and so does what Celery gives them; beat never waits for any.
_LONGEST_SILENCE_SECONDS: Final = 5.0


class BoundedScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Send a periodic message where no other beat does and no earlier ones of its queue still wait.

    It keeps its schedule in memory: an interval leaves nothing to remember in a file.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lease = BeatLease(life_seconds=max(_SHORTEST_LEASE_SECONDS, _TURNS_OF_A_LEASE * self.max_interval))

    @cached_property
    def connection(self) -> Any:
        """The connection to the broker; one that accepts and stays silent holds neither a turn of beat nor its end."""
        silence = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _LONGEST_SILENCE_SECONDS)
        return self.app.connection_for_write(transport_options=silence)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send an entry's message if it is due from here. A broker that is away is logged; beat tries again."""
        # The channel raises what redis-py raises: loading, refused, reset; all of it passes.
        try:
            if not self._lease.take(producer.channel.client):
                return
            waiting = producer.channel.queue_declare(entry.options["queue"]).message_count
        except (OperationalError, OSError, redis.RedisError) as error:
            log.warning("schedule_interrupted", entry=entry.name, reason=str(error))
            return
        if waiting < _MOST_WAITING:
            super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        """Let another beat send at once; a broker that is away ends the lease by itself."""
        try:
            if "producer" in vars(self):
                self._lease.leave(self.producer.channel.client)
        except (OperationalError, OSError, redis.RedisError) as error:
            log.warning("lease_not_left", reason=str(error))
        finally:
            super().close()
