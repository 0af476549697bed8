"""The web server as it runs in production, gunicorn with our configuration, that a test may stop and start again."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from common.settings import Settings
from tests.fixtures.redis import free_port
from tests.tied import tied
from tests.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[1]

# A gunicorn with the configuration `tests.impatient_gunicorn_conf` waits this long for a silent client.
IMPATIENT_SECONDS = 1.0


@dataclass
class WebServer:
    """One gunicorn on a port of its own, with its log beside the data."""

    settings: Settings
    environment: dict[str, str] = field(default_factory=dict)
    configuration: str = "infra.gunicorn_conf"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the start page, without the slash."""
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.settings.data_dir / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                tied(sys.executable, "-m", "gunicorn", "-c", f"python:{self.configuration}"),
                cwd=_ROOT,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        wait_until(self.answers, 30, what=f"gunicorn on port {self.settings.port}")

    def answers(self) -> bool:
        """Whether it answers at all."""
        assert self.process is not None
        assert self.process.poll() is None, (self.settings.data_dir / "web.log").read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def runs(self) -> bool:
        """Whether its master process lives."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)

    def _environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("DENTIQ_", "PROMETHEUS_"))}
        settings = self.settings
        return (
            plain
            | {
                "PORT": str(settings.port),
                "DENTIQ_DATA_DIR": str(settings.data_dir),
                "DENTIQ_MODEL_STORE_DIR": str(settings.model_store_dir),
                "DENTIQ_REDIS_URL": settings.redis_url.get_secret_value(),
                "DENTIQ_STORAGE_FSYNC": "false",
                "DENTIQ_WEB_PROCESSES": str(settings.web_processes),
            }
            | self.environment
        )


def web_settings(*, redis_url: str, folder: Path) -> Settings:
    """Settings of a web server that a test starts in a folder of its own."""
    return Settings(
        redis_url=redis_url,
        data_dir=folder / "var",
        model_store_dir=folder / "models",
        storage_fsync=False,
        port=free_port(),
    )
