"""What tests start ends with them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.processes import start_of
from tests.tied import tied
from tests.waiting import wait_until


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="only Linux tells a process of its parent's death")
def test_a_command_ends_with_a_parent_that_is_killed() -> None:
    command = [os.fspath(word) for word in tied(sys.executable, "-c", "import time; time.sleep(60)")]
    code = f"import subprocess, time; print(subprocess.Popen({command!r}).pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        # Tied once it has become the command.
        wait_until(lambda: Path(f"/proc/{pid}/exe").resolve() == Path(sys.executable).resolve(), 10, what="its start")
        parent.kill()
    wait_until(lambda: not start_of(pid), 10, what="the end of the command")
