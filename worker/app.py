"""Entry point of workers, beat and Flower: `celery -A worker.app:app ...`."""

from common.settings import Settings
from worker.celery_app import create_app

app = create_app(Settings.from_env())
