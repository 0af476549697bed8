"""Gunicorn as in production, but impatient with silent clients. For gunicorn alone: its import sets a variable."""

from typing import Any

from infra.client_sockets import limit_silence
from infra.gunicorn_conf import *  # noqa: F403  gunicorn reads every name of it as a setting
from tests.web_server import IMPATIENT_SECONDS

worker_class = "tests.impatient_worker.ImpatientWorker"


def when_ready(server: Any) -> None:
    """As production does, with a shorter time."""
    limit_silence([listener.sock for listener in server.LISTENERS], seconds=IMPATIENT_SECONDS)
