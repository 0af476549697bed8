"""The entry point of the web server: `gunicorn -c python:infra.gunicorn_conf web.wsgi:app`."""

from common.logging import configure_logging
from common.settings import Settings
from web.app_factory import create_app

settings = Settings.from_env()
configure_logging(level=settings.log_level, log_format=settings.log_format)
app = create_app(settings)
