"""What crosses the broker: every message between processes is a dataclass here that refuses bad values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from common.queues import CLASSIFY_TASK, EXPLAIN_TASK, QueueName


@dataclass(frozen=True)
class WorkHint:
    """Say that jobs wait in a queue; it names none of them, for the job store knows which are next.

    A lost hint delays jobs until the sweeper sends another; a hint too many finds nothing to do.
    """

    queue: QueueName

    def __post_init__(self) -> None:
        object.__setattr__(self, "queue", QueueName(self.queue))

    def to_kwargs(self) -> dict[str, Any]:
        """Write the message as the keyword arguments of its Celery task."""
        return {name: getattr(value, "value", value) for name, value in asdict(self).items()}

    def to_call(self) -> dict[str, Any]:
        """Write the arguments of `Celery.send_task` that send it."""
        return _call(CLASSIFY_TASK, self.to_kwargs(), queue=self.queue)

    @classmethod
    def from_kwargs(cls, kwargs: Mapping[str, Any]) -> "WorkHint":
        """Read the message from the keyword arguments of its Celery task.

        Raises:
            ValueError: The queue is unknown.
            TypeError: A field is missing or too many.
        """
        return cls(**kwargs)


@dataclass(frozen=True)
class ExplanationRequest:
    """Ask for the heat map of a job that has succeeded."""

    job_id: str

    def to_kwargs(self) -> dict[str, Any]:
        """Write the message as the keyword arguments of its Celery task."""
        return asdict(self)

    def to_call(self) -> dict[str, Any]:
        """Write the arguments of `Celery.send_task` that send it; a person waits for the answer."""
        return _call(EXPLAIN_TASK, self.to_kwargs(), queue=QueueName.INTERACTIVE)

    @classmethod
    def from_kwargs(cls, kwargs: Mapping[str, Any]) -> "ExplanationRequest":
        """Read the message from the keyword arguments of its Celery task.

        Raises:
            TypeError: A field is missing or too many.
        """
        return cls(**kwargs)


def _call(task: str, kwargs: dict[str, Any], *, queue: QueueName) -> dict[str, Any]:
    # Sent once: what is lost is sent again by the sweeper or by its asker. Results are in the job store.
    return {"name": task, "kwargs": kwargs, "queue": queue.value, "retry": False, "ignore_result": True}
