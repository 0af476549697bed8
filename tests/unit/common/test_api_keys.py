"""The file of API keys under many threads: what was revoked stays so for each of them."""

import os
import stat
from pathlib import Path
from threading import Event, Thread

import pytest

from common.api_keys import KeyFile, Scope


class _SlowPath:
    """A path whose file, once read, reaches its reader late."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.was_read = Event()
        self.goes_on = Event()

    def stat(self) -> os.stat_result:
        return self._path.stat()

    def read_bytes(self) -> bytes:
        content = self._path.read_bytes()
        if not self.was_read.is_set():
            self.was_read.set()
            self.goes_on.wait(10)
        return content


class _Interleaved(KeyFile):
    """Let something happen after a thread's first step of storing what it read."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        between = self.__dict__.pop("between", None)
        if between is not None:
            between()


def test_a_thread_that_read_before_a_revocation_cannot_hide_it(tmp_path: Path) -> None:
    operator = KeyFile(tmp_path / "keys.json")
    key, text = operator.make("clinic", [Scope.READ])
    path = _SlowPath(operator.path)
    web = _Interleaved(path)  # type: ignore[arg-type]
    late = Thread(target=web.all)
    late.start()
    assert path.was_read.wait(10)
    operator.revoke(key.id)

    def let_the_late_one_store() -> None:
        path.goes_on.set()
        late.join(10)

    web.__dict__["between"] = let_the_late_one_store
    web.all()
    assert web.verify(text) is None


def test_a_revocation_survives_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder holds the name of the new file: it is flushed after the change of the name, not before."""
    keys = KeyFile(tmp_path / "keys.json")
    key, _ = keys.make("clinic", [Scope.READ])
    flushed: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append((is_folder, KeyFile(keys.path).find(key.id) is None))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    keys.revoke(key.id)
    assert flushed == [(False, False), (True, True)]
