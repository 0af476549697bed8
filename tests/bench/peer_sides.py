"""What people use instead, each in an environment of its own and started as its documentation tells."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from tests.bench.pictures import make
from tests.bench.sides import WARM_UP_IMAGES, Turn, processor_seconds, run_script
from tests.fixtures.redis import RedisServer, free_port
from tests.fixtures.stack import ROOT
from tests.waiting import wait_until

_ENVIRONMENTS: Final = ROOT / "var" / "bench"
_START_SECONDS: Final = 120

# Server, its command and the path that classifies; {port} is filled in.
_SERVERS: Final = {
    "flask": (("-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "tests.bench.peers.flask_app:app"), "/predict"),
    "litserve": (("-m", "tests.bench.peers.litserve_app", "{port}"), "/predict"),
    "bentoml": (
        ("-m", "bentoml", "serve", "tests.bench.peers.bentoml_app:Peer", "--host", "127.0.0.1", "--port", "{port}"),
        "/predict",
    ),
}
PEERS: Final = (*_SERVERS, "celery")
# As documented; with the runtime that dentiq serves with; with its decoding and preprocessing too.
RUNTIMES: Final = ("torch", "onnx", "worker")


@dataclass(frozen=True)
class Peer:
    """One peer with one runtime."""

    peer: str
    runtime: str

    @property
    def name(self) -> str:
        """As the table calls it."""
        return f"{self.peer}, {self.runtime}"

    def turn(self, folder: Path) -> Turn:
        """Start it, warm it up, classify the folder once, end it."""
        with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
            warm_up = make(Path(name) / "warm-up", "photographs", WARM_UP_IMAGES)
            work = self._celery_turn if self.peer == "celery" else self._server_turn
            return work(folder, warm_up, Path(name))

    def _server_turn(self, folder: Path, warm_up: Path, home: Path) -> Turn:
        command, path = _SERVERS[self.peer]
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with self._running([part.format(port=port) for part in command], home) as process:
            wait_until(lambda: process.poll() is not None or _answers(address), _START_SECONDS, what=self.name)
            send = ("-m", "tests.bench.send_singles", address + path, "image")
            run_script(*send, str(warm_up))
            before = processor_seconds([process.pid])
            told = run_script(*send, str(folder))
            used = processor_seconds([process.pid]) - before
        return Turn(told["images"], told["seconds"], used + told["client_cpu_seconds"])

    def _celery_turn(self, folder: Path, warm_up: Path, home: Path) -> Turn:
        redis = RedisServer(home, free_port())
        redis.start()
        assert redis.process is not None
        environment = {"BENCH_REDIS_URL": redis.url}
        command = ["-m", "celery", "-A", "tests.bench.peers.celery_app:app", "worker", "-c", "2"]
        driver = [self._python, "-m", "tests.bench.peers.celery_app", str(folder), str(warm_up)]
        try:
            with (
                self._running(command, home, environment) as worker,
                subprocess.Popen(
                    driver,
                    cwd=ROOT,
                    env=self._environment(environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                ) as sender,
            ):
                assert sender.stdout is not None
                if sender.stdout.readline().strip() != "warm":
                    sys.exit(f"{self.name} did not answer.")
                before = processor_seconds([worker.pid, redis.process.pid])
                told = json.loads(sender.communicate("go\n", timeout=900)[0])
                used = processor_seconds([worker.pid, redis.process.pid]) - before
        finally:
            redis.stop()
        return Turn(told["images"], told["seconds"], used + told["client_cpu_seconds"])

    @property
    def _python(self) -> str:
        return str(environment_of(self.peer) / "bin" / "python")

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        bento = {"BENTOML_DO_NOT_TRACK": "true", "DO_NOT_TRACK": "1"}
        return os.environ | threads | bento | {"BENCH_RUNTIME": self.runtime, "PYTHONPATH": str(ROOT)} | more

    @contextmanager
    def _running(
        self, command: list[str], home: Path, more: dict[str, str] | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        with (home / "peer.log").open("wb") as log:
            process = subprocess.Popen(
                [self._python, *command],
                cwd=ROOT,
                env=self._environment({"HOME": str(home), "BENTOML_HOME": str(home / "bentoml")} | (more or {})),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        except BaseException:
            sys.stderr.write((home / "peer.log").read_text(errors="replace")[-3000:])
            raise
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def environment_of(peer: str) -> Path:
    """The environment of a peer, made and filled when it is not there yet."""
    folder = _ENVIRONMENTS / peer
    pins = Path(__file__).with_name("peers") / f"{peer}.txt"
    stamp = folder / ".installed"
    wanted = pins.read_text() + pins.with_name("common.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        sys.stderr.write(f"Installing {peer} into {folder.relative_to(ROOT)}: some minutes the first time.\n")
        index = ["--extra-index-url", os.environ["TORCH_INDEX"]] if os.environ.get("TORCH_INDEX") else []
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *index, "-r", str(pins)], check=True
        )
        stamp.write_text(wanted)
    return folder


def _answers(address: str) -> bool:
    for path in ("/health", "/livez"):
        try:
            with urlopen(address + path, timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (URLError, OSError):
            continue
    return False
