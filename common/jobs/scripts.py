"""The Lua scripts of the job store: each is one transition, atomic in Redis."""

from importlib import resources
from typing import Any

import redis

NAMES = (
    "announce_files",
    "create",
    "claim",
    "finish",
    "renew",
    "postpone",
    "repair",
    "erase",
    "retire",
    "due_erasures",
    "read",
    "ask_explanation",
    "begin_explanation",
    "note_explanation",
    "note_shadow",
    "correct",
    "withdraw_correction",
    "create_batch",
    "close_batch",
    "sweep_batch",
    "adopt_deliveries",
    "claim_delivery",
    "note_delivery",
)


class Scripts:
    """Call the scripts in `lua/` by name; Redis caches them, a restarted Redis gets them again by itself."""

    def __init__(self, client: redis.Redis) -> None:
        folder = resources.files("common.jobs") / "lua"
        prelude = (folder / "prelude.lua").read_text(encoding="utf-8")
        self._scripts = {
            name: client.register_script(_script(prelude, (folder / f"{name}.lua").read_text(encoding="utf-8")))
            for name in NAMES
        }

    def call(self, name: str, *arguments: str | int | float) -> Any:
        """Run a script and return Redis's reply."""
        return self._scripts[name](args=arguments)


def _script(prelude: str, body: str) -> str:
    """Put a script together: wherever its body returns, what it tallied is written before its answer leaves."""
    ending = "local answered = answer()\nwrite_tallies()\nreturn answered\n"
    return f"{prelude}\nlocal function answer()\n{body}\nend\n{ending}"
