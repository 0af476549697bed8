"""Gunicorn as in production, whose new processes hesitate as long as a file says so. For gunicorn alone."""

from typing import Any

from infra import gunicorn_conf
from infra.gunicorn_conf import *  # noqa: F403  gunicorn reads every name of it as a setting


def post_worker_init(worker: Any) -> None:
    """As production does, or not."""
    if not (gunicorn_conf._settings.data_dir / "hesitate").exists():
        gunicorn_conf.post_worker_init(worker)
