"""A model store in an object store: versions and pointers lie there, verified copies of what is used lie here.

Below the URL a version is a folder and `current`, `previous` and `shadow` are small objects, as in a folder of this
machine. A version's files never change, so a copy that has passed its check is good for ever.
"""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from structlog import get_logger

from common.errands import Errands
from common.errors import (
    ModelInvalidError,
    ModelNotFoundError,
    ModelStoreUnreachableError,
    StorageUnavailableError,
)
from common.manifest import MANIFEST_NAME, Manifest
from common.model_store import CURRENT_NAME, ModelStore, sha256_of
from common.remote_pointers import PATIENCE_SECONDS, RemotePointers
from common.s3_access import S3Access, open_s3

log = get_logger(__name__)

_NEVER: Final = float("-inf")

# Who lists versions reads a page or scrapes metrics: nobody waits for a new one by the second.
_LIST_SECONDS: Final = 5.0

# For a file of many megabytes; below the time limit of a task.
_FILE_SECONDS: Final = 100.0


class RemoteModelStore(ModelStore):
    """Find, verify and switch model versions below an `s3://` URL.

    Where the object store cannot be reached, whoever asks gets what was known last: a worker goes on with its version.

    Args:
        url: `s3://bucket/prefix`.
        access: How the object store is reached.
        root: Folder for the copies, which processes of one machine may share.
    """

    def __init__(self, url: str, access: S3Access, *, root: Path) -> None:
        super().__init__(root)
        self._objects = open_s3(url, access, setting="DENTIQ_MODEL_STORE_URL")
        patient = replace(access, limit_seconds=_FILE_SECONDS)
        self._files = open_s3(url, patient, setting="DENTIQ_MODEL_STORE_URL")
        self._pointers = RemotePointers(self._objects.get)
        self._copies: Errands[Path] = Errands()
        self._names: tuple[float, list[str]] = (_NEVER, [])
        self._missing: set[str] = set()

    def folders(self) -> list[str]:
        """List the names of all folders that a version could be in, in order of name; as of some seconds ago."""
        listed_at, names = self._names
        if time.monotonic() >= listed_at + _LIST_SECONDS:
            try:
                names = [name for name in self._objects.names() if self.is_name(name)]
            except StorageUnavailableError as error:
                log.warning("models_not_listed", reason=error.log_reason)
            self._names = (time.monotonic(), names)
        return names

    def versions(self) -> list[str]:
        """List the names of all versions, in order of name: a version that is being sent has no manifest yet."""
        return [name for name in self.folders() if self._shows(name)]

    def named_current(self) -> str:
        """Name the version that is to serve; empty where none is named.

        Raises:
            ModelStoreUnreachableError: Nobody answers, and nothing is known from earlier.
        """
        name = super().named_current()
        if not name and not self._pointers.is_known(CURRENT_NAME):
            raise ModelStoreUnreachableError("The model store cannot be reached; it is asked again.")
        return name

    def folder(self, version: str) -> Path:
        """Give the folder of a version's copy; made first where there is none.

        Raises:
            ModelNotFoundError: There is no such version.
            ModelInvalidError: A file is missing or differs from its manifest.
            ModelStoreUnreachableError: Nobody answers.
        """
        if not self.is_name(version):
            raise self._unknown(version)
        folder = self.root / version
        if not (folder / MANIFEST_NAME).is_file():
            with self._alone():
                # Whoever was first may have made it.
                if not (folder / MANIFEST_NAME).is_file():
                    self._fetch(version)
        return folder

    def is_at_hand(self, version: str) -> bool:
        """Whether a copy of a version lies here; if not, it is made from now on, and nobody waits for it.

        Raises:
            ModelError: Why the copy that was begun earlier cannot be made. The next call begins another.
        """
        if self.is_name(version) and (self.root / version / MANIFEST_NAME).is_file():
            return True
        copied = self._copies.run(version, lambda: self.folder(version), patience_seconds=PATIENCE_SECONDS)
        return copied is not None and copied.result().is_dir()

    def manifest(self, version: str) -> Manifest:
        """Read the manifest of a version, without the rest of it."""
        manifest = Manifest.read(self._seen(version))
        if manifest.version != version:
            raise ModelInvalidError(f"The manifest in folder {version!r} says version {manifest.version!r}.")
        return manifest

    def file(self, version: str, name: str) -> Path:
        """Give the path of one file of a version, fetched alone; nothing lies there if the version has no such file."""
        if not self.is_name(version):
            raise self._unknown(version)
        whole = self.root / version
        if (whole / MANIFEST_NAME).is_file() and (whole / name).is_file():
            return whole / name
        path = self._seen(version) / name
        key = f"{version}/{name}"
        if not path.is_file() and key not in self._missing:
            try:
                self._fetch_file(version, name, path)
            except FileNotFoundError:
                self._missing.add(key)
        return path

    def verify(self, version: str) -> Manifest:
        """Check the sha256 of every file of the copy; one that was damaged here is fetched anew, once."""
        self.folder(version)
        try:
            return super().verify(version)
        except ModelInvalidError as error:
            log.warning("model_copy_damaged", version=version, reason=error.log_reason)
            with self._alone():
                # Whoever was first may have mended it, and works with it now.
                with suppress(ModelInvalidError, ModelNotFoundError):
                    return ModelStore(self.root).verify(version)
                self._put_aside(version)
                self._fetch(version)
            return super().verify(version)

    def publish(self, folder: Path) -> Manifest:
        """Send a version from a folder of this machine, checked; nothing sees it before all of it is there.

        Raises:
            ModelInvalidError: It does not pass its check, or there is a version of this name already.
            ModelStoreUnreachableError: Nobody answers; nothing is written over what could not be looked for.
        """
        version = folder.name
        manifest = ModelStore(folder.parent).verify(version)
        if self._holds(version):
            raise ModelInvalidError(
                f"The model store holds {version!r} already: results name the version that made them."
            )
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST_NAME)
        with _unreachable_translated():
            for path in [*files, folder / MANIFEST_NAME]:
                self._files.put_many({f"{version}/{path.name}": path.read_bytes()})
        return manifest

    def _require(self, version: str) -> None:
        """Raise `ModelNotFoundError` where there is no such version; nothing but its manifest is fetched."""
        self._seen(version)

    def _holds(self, version: str) -> bool:
        """Whether there is such a version; raises `ModelStoreUnreachableError` where that cannot be seen."""
        try:
            self._seen(version)
        except ModelNotFoundError:
            return False
        return True

    def _shows(self, version: str) -> bool:
        """Whether such a version can be seen."""
        try:
            return self._holds(version)
        except ModelStoreUnreachableError:
            return False

    def _seen(self, version: str) -> Path:
        """Give a folder with the manifest of a version, fetched where it is not there."""
        if self.is_name(version):
            for folder in (self.root / version, self.root / ".seen" / version):
                if (folder / MANIFEST_NAME).is_file():
                    return folder
            with suppress(FileNotFoundError):
                self._fetch_file(version, MANIFEST_NAME, folder / MANIFEST_NAME)
                return folder
        raise self._unknown(version)

    def _unknown(self, version: str) -> ModelNotFoundError:
        return ModelNotFoundError(f"The model store holds no version {version!r}; it holds {self.folders()}.")

    def _fetch(self, version: str) -> None:
        """Copy a version under another name, check it, and give it its name: a copy is whole or not there."""
        manifest = self.manifest(version)
        for left in self.root.glob(".fetch-*"):
            shutil.rmtree(left, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=".fetch-", dir=self.root))
        try:
            for name, expected in manifest.files.items():
                self._fetch_checked(version, name, part / name, expected=expected)
            shutil.copyfile(self._seen(version) / MANIFEST_NAME, part / MANIFEST_NAME)
            part.chmod(0o755)
            self._put_aside(version)
            part.rename(self.root / version)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ModelStoreUnreachableError(
                f"Model version {version!r} cannot be copied to this machine: {reason}. It is tried again."
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        log.info("model_copied", version=version)

    def _put_aside(self, version: str) -> None:
        """Take a copy's name from it, then remove it: a kill on the way leaves no half of a copy under the name."""
        aside = Path(tempfile.mkdtemp(prefix=".fetch-", dir=self.root))
        with suppress(FileNotFoundError):
            (self.root / version).rename(aside / version)
        shutil.rmtree(aside, ignore_errors=True)

    def _fetch_checked(self, version: str, name: str, path: Path, *, expected: str) -> None:
        try:
            self._fetch_file(version, name, path)
        except FileNotFoundError as error:
            raise ModelInvalidError(f"File {name} of model version {version!r} is missing.") from error
        found = sha256_of(path)
        if found != expected:
            raise ModelInvalidError(
                f"File {name} of model version {version!r} has sha256 {found[:12]}..., its manifest says "
                f"{expected[:12]}...: send the version again under another name."
            )

    def _fetch_file(self, version: str, name: str, path: Path) -> None:
        """Fetch one file whole or not at all; `FileNotFoundError` where there is none."""
        if Path(name).name != name:
            raise ModelInvalidError(f"Model version {version!r} names a file {name!r}, which leads out of its folder.")
        with _unreachable_translated():
            data = self._files.get(f"{version}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)

    def _named_in(self, name: str) -> str:
        return self._pointers.get(name)

    def _write(self, name: str, line: str) -> None:
        with _unreachable_translated():
            self._objects.put_many({name: f"{line}\n".encode()})
        self._pointers.forget(name)

    def _remove(self, name: str) -> None:
        with _unreachable_translated():
            self._objects.delete_many([name])
        self._pointers.forget(name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process of this machine fetch at a time; the lock goes with a process that is killed."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _unreachable_translated() -> Iterator[None]:
    try:
        yield
    except StorageUnavailableError as error:
        raise ModelStoreUnreachableError("The model store cannot be reached; it is asked again.") from error


def open_model_store(location: str | Path, access: S3Access, *, copies: Path) -> ModelStore:
    """Open the model store at a folder or at an `s3://` URL.

    Args:
        copies: Folder for copies of versions, where the store is at a distance.
    """
    if isinstance(location, Path) or "://" not in location:
        return ModelStore(Path(location))
    return RemoteModelStore(location, access, root=copies)
