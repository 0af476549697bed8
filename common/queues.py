"""Queue names and the names of the Celery tasks: what web, beat and workers must agree on to find each other."""

from enum import Enum
from typing import Any, Final


class QueueName(str, Enum):
    """Where a job waits: `interactive` while a person waits for it, `bulk` in a folder."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


# The sweeper has a queue of its own, first in line, so that no backlog of jobs delays the repair of lost ones.
MAINTENANCE_QUEUE: Final = "maintenance"

# Workers drain the queues in this order.
CONSUMED_QUEUES: Final = (MAINTENANCE_QUEUE, QueueName.INTERACTIVE.value, QueueName.BULK.value)

# A publisher may leave its hint out when more jobs than this wait: the hints of the earlier ones keep every worker
# busy, and the sweeper adds what is missing. So the broker's lists stay short whatever the backlog.
HINTED_DEPTH: Final = 256

CLASSIFY_TASK: Final = "dentiq.classify"
EXPLAIN_TASK: Final = "dentiq.explain"
SWEEP_TASK: Final = "dentiq.sweep"


def broker_transport_options() -> dict[str, Any]:
    """Settings of kombu's Redis transport that publishers and consumers share.

    Messages are hints (the job store is the truth), so an unacknowledged one may be restored soon: 30 s is far above
    the time of one task, and kombu 5.7 restores within the interval instead of its default of minutes.
    """
    return {
        # Queues in the order of CONSUMED_QUEUES, each with the one priority that dentiq uses (kombu's default is four
        # lists a queue, all of them in every blocking read).
        "queue_order_strategy": "priority",
        "priority_steps": [0],
        "visibility_timeout": 30,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
