"""What a pointer of a model store at a distance says, whenever its answers come."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from common.remote_pointers import RemotePointers


def test_an_answer_that_comes_after_a_change_from_here_counts_no_more() -> None:
    said = {"current": b"old"}
    asked, released = Event(), Event()

    def read(name: str) -> bytes:
        answer = said[name]
        if not asked.is_set():
            asked.set()
            released.wait(30)
        return answer

    pointers = RemotePointers(read)
    with ThreadPoolExecutor(2) as threads:
        try:
            before = threads.submit(pointers.get, "current")
            assert asked.wait(30)
            said["current"] = b"new"
            pointers.forget("current")
            assert threads.submit(pointers.get, "current").result(timeout=10) == "new"
        finally:
            released.set()
        before.result(timeout=30)
    assert pointers.get("current") == "new"
