"""What an operator runs inside of a container works with what its image holds."""

import subprocess
import sys
from pathlib import Path

from common.api_keys import KeyFile


def test_a_key_is_made_without_the_libraries_of_the_local_stack(tmp_path: Path) -> None:
    code = "import sys; sys.modules['dotenv'] = None; from infra.keys import cli; cli(['make', 'clinic'])"
    environment = {"DENTIQ_KEYS_FILE": str(tmp_path / "keys.json"), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, timeout=60, check=False)
    assert done.returncode == 0
    assert [key.name for key in KeyFile(tmp_path / "keys.json").active()] == ["clinic"]
