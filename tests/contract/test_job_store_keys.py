"""The Lua scripts spell the job store's keys as `common/jobs/keys.py` does."""

import re
from pathlib import Path

from common.jobs import keys

LUA = Path(__file__).parents[2] / "common" / "jobs" / "lua"


def test_every_key_of_the_scripts_is_in_the_table() -> None:
    known = {value for name, value in vars(keys).items() if name.isupper()}
    spelled = {
        keys.PREFIX + name
        for script in LUA.glob("*.lua")
        for name in re.findall(r"PREFIX \.\. '([a-z_:]+)'", script.read_text(encoding="utf-8"))
    }
    assert keys.PREFIX + "job:" in spelled
    assert spelled <= known


def test_the_prefix_is_spelled_once() -> None:
    spelled = [line for script in LUA.glob("*.lua") for line in script.read_text(encoding="utf-8").splitlines()]
    assert [line for line in spelled if f"'{keys.PREFIX}" in line] == [f"local PREFIX = '{keys.PREFIX}'"]
