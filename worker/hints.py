"""Sending hints: Celery messages that tell idle workers to look into the job store."""

from celery import Celery
from kombu.exceptions import OperationalError
from structlog import get_logger

from common.messages import WorkHint
from common.queues import QueueName

log = get_logger(__name__)


class Hints:
    """Send hints and count those that nobody has taken yet."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, queue: QueueName, count: int = 1) -> None:
        """Send hints for a queue. A broker that is away is logged: the sweeper sends again what is missing."""
        try:
            for _ in range(count):
                self._app.send_task(**WorkHint(queue).to_call())
        except OperationalError as error:
            log.warning("hint_not_sent", queue=queue.value, reason=str(error))

    def waiting(self, queue: QueueName) -> int:
        """Count the hints in the broker that no worker has taken.

        Raises:
            kombu.exceptions.OperationalError: The broker does not answer.
        """
        with self._app.connection_for_read() as connection:
            try:
                # Not passive: an empty Redis list does not exist, and a passive look at it is an error.
                return int(connection.default_channel.queue_declare(queue.value).message_count)
            except connection.connection_errors as error:
                raise OperationalError(str(error)) from error
