"""The model store: a folder a version, and a text file that names the current one."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common.errors import ModelInvalidError, ModelNotFoundError
from common.manifest import MANIFEST_NAME, Manifest

CURRENT_NAME = "current"

# Names the version that served before the current one.
PREVIOUS_NAME = "previous"

# Names a second version and the share of the jobs that it answers as well, unseen.
SHADOW_NAME = "shadow"

_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Shadow:
    """A second version that answers a share of the jobs beside the one that serves; its answers are never shown.

    Attributes:
        version: Its name.
        share: From above 0 to 1.
    """

    version: str
    share: float

    def takes(self, job_id: str) -> bool:
        """Whether a job is in the share: the same job always is or is not, whichever worker asks."""
        digest = hashlib.sha256(job_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * 2**64


class ModelStore:
    """Find, verify and switch model versions under one folder.

    Args:
        root: Folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self) -> list[str]:
        """List the names of all versions, in order of name."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.parent.name for path in self.root.glob(f"*/{MANIFEST_NAME}") if _VERSION.fullmatch(path.parent.name)
        )

    def folders(self) -> list[str]:
        """List the names of all folders that a version could be in, damaged ones too, in order of name."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and self.is_name(path.name))

    @staticmethod
    def is_name(version: str) -> bool:
        """Whether a version may be called so: such a name never leads out of the store."""
        return _VERSION.fullmatch(version) is not None

    def current(self) -> str:
        """Name the version that serves.

        Raises:
            ModelNotFoundError: The store names none, or one that it does not hold.
        """
        version = self.named_current()
        if not version:
            raise ModelNotFoundError(
                "The model store names no current version. Run `python -m training promote VERSION`."
            )
        self._require(version)
        return version

    def named_current(self) -> str:
        """Name the version that is to serve, held or not; empty where none is named."""
        return self._named_in(CURRENT_NAME)

    def folder(self, version: str) -> Path:
        """Give the folder of a version.

        Raises:
            ModelNotFoundError: There is no such version; a name that is not one (a path, say) is not looked up.
        """
        folder = self.root / version
        if not _VERSION.fullmatch(version) or not (folder / MANIFEST_NAME).is_file():
            raise ModelNotFoundError(f"The model store holds no version {version!r}; it holds {self.versions()}.")
        return folder

    def is_at_hand(self, version: str) -> bool:
        """Whether a version can be opened now: in a folder of this machine always.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        return self.folder(version).is_dir()

    def file(self, version: str, name: str) -> Path:
        """Give the path of one file of a version, which need not be there.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        return self.folder(version) / name

    def manifest(self, version: str) -> Manifest:
        """Read the manifest of a version.

        Raises:
            ModelNotFoundError: There is no such version.
            ModelInvalidError: Its manifest is damaged or names another version.
        """
        manifest = Manifest.read(self.folder(version))
        if manifest.version != version:
            raise ModelInvalidError(f"The manifest in folder {version!r} says version {manifest.version!r}.")
        return manifest

    def verify(self, version: str) -> Manifest:
        """Check the sha256 of every file of a version.

        Raises:
            ModelNotFoundError: There is no such version.
            ModelInvalidError: Its manifest is damaged, or a file is missing or differs.
        """
        manifest = self.manifest(version)
        for name, expected in manifest.files.items():
            try:
                found = sha256_of(self.folder(version) / name)
            except OSError as error:
                raise ModelInvalidError(f"File {name} of model version {version!r} cannot be read.") from error
            if found != expected:
                raise ModelInvalidError(
                    f"File {name} of model version {version!r} has sha256 {found[:12]}..., "
                    f"its manifest says {expected[:12]}...: restore the file or promote another version."
                )
        return manifest

    def set_current(self, version: str) -> None:
        """Let a version serve. Readers see the old name or the new one, never a part.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        self._require(version)
        before = self._named_in(CURRENT_NAME)
        if before and before != version:
            self._write(PREVIOUS_NAME, before)
        self._write(CURRENT_NAME, version)
        shadow = self.shadow()
        if shadow is not None and shadow.version == version:
            self.end_shadow()

    def previous(self) -> str:
        """Name the version that served before the current one.

        Raises:
            ModelNotFoundError: None did, or it is gone.
        """
        version = self._named_in(PREVIOUS_NAME)
        if not version:
            raise ModelNotFoundError("The model store names no previous version: nothing was promoted over another.")
        self._require(version)
        return version

    def shadow(self) -> Shadow | None:
        """Name the version that answers a share of the jobs unseen; None while none does.

        What cannot be read counts as none: a shadow must never keep the version that serves from serving.
        """
        version, _, share = self._named_in(SHADOW_NAME).partition(" ")
        try:
            shadow = Shadow(version, float(share))
        except ValueError:
            return None
        return shadow if _VERSION.fullmatch(version) and 0 < shadow.share <= 1 else None

    def set_shadow(self, shadow: Shadow) -> None:
        """Let a second version answer a share of the jobs.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        self._require(shadow.version)
        self._write(SHADOW_NAME, f"{shadow.version} {shadow.share!r}")

    def end_shadow(self) -> None:
        """Let no second version answer any more."""
        self._remove(SHADOW_NAME)

    def _require(self, version: str) -> None:
        """Raise `ModelNotFoundError` where there is no such version."""
        self.folder(version)

    def _remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def _named_in(self, name: str) -> str:
        try:
            return (self.root / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _write(self, name: str, line: str) -> None:
        handle, part = tempfile.mkstemp(prefix=f".{name}-", dir=self.root)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; workers may run as another user.
        Path(part).chmod(0o644)
        Path(part).replace(self.root / name)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
