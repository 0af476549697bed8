"""Who may reach the web server without a key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.settings import Settings
from infra.exposure import refuse_open_web


@pytest.mark.parametrize(
    ("web_bind", "published_bind"),
    [("127.0.0.1", ""), ("::1", ""), ("localhost", ""), ("127.0.0.2", ""), ("0.0.0.0", "127.0.0.1")],
)
def test_this_machine_alone_needs_no_keys(web_bind: str, published_bind: str) -> None:
    refuse_open_web(Settings(web_bind=web_bind, published_bind=published_bind))


@pytest.mark.parametrize(
    ("web_bind", "published_bind"),
    [("0.0.0.0", ""), ("::", ""), ("192.168.1.4", ""), ("clinic.example", ""), ("0.0.0.0", "0.0.0.0")],
)
def test_other_machines_are_refused_unless_the_operator_says_so(web_bind: str, published_bind: str) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_OPEN_WITHOUT_KEYS"):
        refuse_open_web(Settings(web_bind=web_bind, published_bind=published_bind))
    refuse_open_web(Settings(web_bind=web_bind, published_bind=published_bind, open_without_keys=True))


@pytest.mark.parametrize("program", [("infra.local", "run"), ("gunicorn", "-c", "python:infra.gunicorn_conf")])
def test_neither_server_nor_local_stack_starts_open(program: tuple[str, ...], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DENTIQ_")}
    environment |= {"DENTIQ_WEB_BIND": "0.0.0.0", "DENTIQ_DATA_DIR": str(tmp_path / "var")}
    refused = subprocess.run(
        [sys.executable, "-m", *program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode != 0
    assert "anybody there could submit photographs" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "var").exists()
