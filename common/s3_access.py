"""How an object store is reached, and opening one: the library behind it is loaded only where a URL asks for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.errors import ConfigurationError

if TYPE_CHECKING:
    from common.s3_objects import S3Objects


@dataclass(frozen=True)
class S3Access:
    """Where an object store is and who asks; what is empty is found in AWS's own way (environment, profile, role).

    Attributes:
        endpoint_url: Address of a store that is not AWS's.
        region: Region of the buckets.
        access_key_id: Name of the key.
        secret_access_key: The key.
        timeout_seconds: Longest silence of the store.
        limit_seconds: Longest time for one request; 0: four times that silence.
    """

    endpoint_url: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    timeout_seconds: float = 5.0
    limit_seconds: float = 0.0

    def __repr__(self) -> str:
        return f"S3Access(endpoint_url={self.endpoint_url!r}, region={self.region!r})"


def open_s3(url: str, access: S3Access, *, setting: str) -> "S3Objects":
    """Open the objects below `s3://bucket/prefix`; nothing is sent yet.

    Args:
        setting: The variable that holds the URL, for the sentence that says what is wrong with it.

    Raises:
        ConfigurationError: The URL names no bucket, or the library is not installed.
    """
    parts = urlsplit(url)
    if not parts.netloc or "@" in parts.netloc or parts.query:
        raise ConfigurationError(
            f"{setting} must read s3://bucket/prefix; endpoint and keys have settings of their own (DENTIQ_S3_...)."
        )
    try:
        # Some 0.4 s and 60 MB, which who keeps images in a folder does not pay.
        from common.s3_objects import S3Objects  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{setting} begins with s3://, and the library for that is not installed: `pip install 'dentiq[s3]'` "
            f"({error})."
        ) from error
    return S3Objects(parts.netloc, parts.path.strip("/"), access)
