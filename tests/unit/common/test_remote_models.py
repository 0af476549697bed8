"""The model store in an object store: fetched whole, checked, switched for all, and done without for a while."""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic

import pytest

from common.errors import ModelInvalidError, ModelNotFoundError, ModelStoreUnreachableError
from common.model_store import ModelStore, Shadow
from common.remote_models import RemoteModelStore, open_model_store
from tests.chaos.link import Line, Link
from tests.fixtures.s3 import Bucket
from tests.unit.common.test_model_store import add_version
from tests.waiting import wait_until


@pytest.fixture
def source(tmp_path: Path) -> ModelStore:
    """A store on this machine, from which versions are sent."""
    for version in ("a", "b"):
        add_version(tmp_path / "source", version, content=version.encode() * 1000)
        (tmp_path / "source" / version / "card.md").write_text(f"# {version}")
    return ModelStore(tmp_path / "source")


@pytest.fixture
def make_store(bucket: Bucket, tmp_path: Path) -> Callable[..., RemoteModelStore]:
    """The store as a machine of its own sees it."""

    def make(name: str = "one", *, port: int | None = None) -> RemoteModelStore:
        access = bucket.access(port=port, timeout_seconds=2 if port else 5)
        return RemoteModelStore(bucket.url, access, root=tmp_path / name)

    return make


def serves(store: RemoteModelStore, version: str) -> bool:
    try:
        return store.current() == version
    except (ModelNotFoundError, ModelStoreUnreachableError):
        return False


def _no_room(path: Path, target: Path) -> Path:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path), None, str(target))


def test_a_version_that_was_sent_serves_on_another_machine(
    make_store: Callable[..., RemoteModelStore], source: ModelStore
) -> None:
    operator, worker = make_store("operator"), make_store("worker")
    with pytest.raises(ModelNotFoundError, match="names no current version"):
        worker.current()
    operator.publish(source.folder("a"))
    operator.set_current("a")
    wait_until(lambda: serves(worker, "a"), 20)
    assert worker.versions() == ["a"]
    assert worker.verify("a").version == "a"
    assert (worker.folder("a") / "model.onnx").read_bytes() == b"a" * 1000


def test_promotion_and_rollback_are_seen_everywhere(
    make_store: Callable[..., RemoteModelStore], source: ModelStore
) -> None:
    operator, worker = make_store("operator"), make_store("worker")
    for version in ("a", "b"):
        operator.publish(source.folder(version))
        operator.set_current(version)
    wait_until(lambda: serves(worker, "b"), 20)
    assert worker.previous() == "a"
    operator.set_current(operator.previous())
    wait_until(lambda: serves(worker, "a"), 20)
    operator.set_shadow(Shadow("b", 0.5))
    wait_until(lambda: worker.shadow() == Shadow("b", 0.5), 20)
    operator.end_shadow()
    wait_until(lambda: worker.shadow() is None, 20)


def test_a_page_fetches_the_files_that_it_shows_and_no_weights(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, bucket: Bucket
) -> None:
    operator, web = make_store("operator"), make_store("web")
    operator.publish(source.folder("a"))
    operator.set_current("a")
    assert web.file(web.current(), "card.md").read_text() == "# a"
    for _ in range(3):
        assert not web.file("a", "info.caries.fr.md").exists()
    assert web.manifest("a").labels == ("caries", "healthy")
    assert not any("model.onnx" in request for request in bucket.requests() if request.startswith("GET"))
    assert sum("info.caries" in request for request in bucket.requests()) == 1


def test_a_version_is_sent_once_and_only_if_it_is_sound(
    make_store: Callable[..., RemoteModelStore], source: ModelStore
) -> None:
    store = make_store()
    store.publish(source.folder("a"))
    with pytest.raises(ModelInvalidError, match="holds 'a' already"):
        store.publish(source.folder("a"))
    (source.folder("b") / "model.onnx").write_bytes(b"cut of")
    with pytest.raises(ModelInvalidError, match="sha256"):
        store.publish(source.folder("b"))
    assert make_store("other").versions() == ["a"]


def test_a_version_that_cannot_be_looked_for_is_not_written_over(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, bucket: Bucket
) -> None:
    make_store("operator").publish(source.folder("a"))
    bucket.forbid("kept/a/*", action="GetObject")
    before = bucket.requests()
    with pytest.raises(ModelStoreUnreachableError):
        make_store("other").publish(source.folder("a"))
    assert [request for request in bucket.requests()[len(before) :] if request.startswith("PUT")] == []


def test_a_version_that_is_damaged_in_the_store_is_refused_and_leaves_no_copy(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, bucket: Bucket, tmp_path: Path
) -> None:
    make_store("operator").publish(source.folder("a"))
    bucket.write("kept/a/model.onnx", b"something else")
    with pytest.raises(ModelInvalidError, match="sha256"):
        make_store("worker").verify("a")
    assert not (tmp_path / "worker" / "a").exists()
    assert list((tmp_path / "worker").glob(".fetch-*")) == []
    bucket.remove("kept/a/model.onnx")
    with pytest.raises(ModelInvalidError, match="is missing"):
        make_store("worker").folder("a")


def test_a_copy_that_was_damaged_here_is_fetched_anew(
    make_store: Callable[..., RemoteModelStore], source: ModelStore
) -> None:
    store = make_store()
    store.publish(source.folder("a"))
    (store.folder("a") / "model.onnx").write_bytes(b"bit rot")
    assert store.verify("a").version == "a"
    assert (store.folder("a") / "model.onnx").read_bytes() == b"a" * 1000


def test_a_damaged_copy_is_fetched_by_one_of_the_processes_that_found_it(
    make_store: Callable[..., RemoteModelStore],
    source: ModelStore,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = make_store("shared"), make_store("shared")
    first.publish(source.folder("a"))
    (first.folder("a") / "model.onnx").write_bytes(b"bit rot")
    alone = second._alone

    def after_the_first() -> AbstractContextManager[None]:
        first.verify("a")
        return alone()

    monkeypatch.setattr(second, "_alone", after_the_first)
    assert second.verify("a").version == "a"
    # The copy, and its mending.
    assert sum(request.startswith("GET") and "model.onnx" in request for request in bucket.requests()) == 2


def test_what_a_kill_left_of_a_copy_makes_room_for_a_whole_one(
    make_store: Callable[..., RemoteModelStore], source: ModelStore
) -> None:
    store = make_store()
    store.publish(source.folder("a"))
    # A process that was killed while it removed the copy: the manifest went first.
    (store.folder("a") / "manifest.json").unlink()
    assert (store.folder("a") / "manifest.json").exists()
    assert store.verify("a").version == "a"


def test_a_copy_that_finds_no_room_is_said_and_tried_again(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store("operator").publish(source.folder("a"))
    worker = make_store("worker")
    with monkeypatch.context() as full:
        full.setattr(Path, "rename", _no_room)
        with pytest.raises(ModelStoreUnreachableError, match="No space left"):
            worker.folder("a")
    assert worker.verify("a").version == "a"


def test_what_is_known_goes_on_while_nobody_answers(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, make_link: Callable[[int], Link], bucket: Bucket
) -> None:
    link = make_link(bucket.store.port)
    operator, worker = make_store("operator"), make_store("worker", port=link.port)
    for version in ("a", "b"):
        operator.publish(source.folder(version))
    operator.set_current("a")
    wait_until(lambda: serves(worker, "a"), 20)
    worker.verify("a")
    link.set(Line.CUT, reset=True)
    operator.set_current("b")
    assert worker.current() == "a"
    assert worker.verify("a").version == "a"
    assert worker.shadow() is None
    with pytest.raises(ModelStoreUnreachableError):
        worker.folder("b")
    with pytest.raises(ModelStoreUnreachableError):
        make_store("new", port=link.port).current()
    link.set(Line.OPEN)
    wait_until(lambda: serves(worker, "b"), 40)
    assert worker.verify("b").version == "b"


def test_a_version_is_copied_beside_the_work_of_who_asks_for_it(
    make_store: Callable[..., RemoteModelStore],
    source: ModelStore,
    make_link: Callable[[int], Link],
    bucket: Bucket,
    tmp_path: Path,
) -> None:
    make_store("operator").publish(source.folder("a"))
    link, timeout_seconds = make_link(bucket.store.port), 20
    access = bucket.access(port=link.port, timeout_seconds=timeout_seconds)
    worker = RemoteModelStore(bucket.url, access, root=tmp_path / "worker")
    link.set(Line.MUTE)
    started = monotonic()
    assert not worker.is_at_hand("a")
    assert not worker.is_at_hand("a")
    assert monotonic() - started < timeout_seconds / 2
    link.set(Line.OPEN)
    wait_until(lambda: worker.is_at_hand("a"), 60, what="the copy")
    assert worker.verify("a").version == "a"
    with pytest.raises(ModelNotFoundError):
        wait_until(lambda: worker.is_at_hand("nosuch"), 60)


@pytest.mark.parametrize("name", ["../source/a", "a/b", ""])
def test_a_name_that_leads_out_is_no_version(
    make_store: Callable[..., RemoteModelStore], source: ModelStore, name: str
) -> None:
    store = make_store()
    store.root.mkdir()
    for look in (store.folder, store.manifest, lambda version: store.file(version, "card.md")):
        with pytest.raises(ModelNotFoundError):
            look(name)


def test_a_folder_of_this_machine_is_opened_as_such(tmp_path: Path) -> None:
    assert type(open_model_store(str(tmp_path), None, copies=tmp_path)) is ModelStore  # type: ignore[arg-type]
