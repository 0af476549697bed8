"""The only module that reads the environment: typed, frozen settings with the prefix `DENTIQ_`."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, ValidationError, ValidationInfo, field_validator

from common.errors import ConfigurationError
from common.images import ImageLimits
from common.networks import is_loopback, parse_networks
from common.redis_urls import TlsFiles, complete, next_database, read_redis_url, require_use
from common.s3_access import S3Access
from common.webhooks import require_webhook_secret

ENV_PREFIX = "DENTIQ_"
_FILE_SUFFIX = "_FILE"


class Settings(BaseModel):
    """Hold everything that an operator may set; the description of each field says what it does.

    Build it with `Settings.from_env()` in an entry point and pass it in everywhere else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Where things are kept
    data_dir: Path = Field(Path("var"), description="Folder of everything this machine writes")
    storage_url: SecretStr | None = Field(
        None, description="file:// or s3:// URL of the image storage; unset: DATA_DIR/storage"
    )
    storage_fsync: bool = Field(True, description="Flush each stored image to the disk before it counts as accepted")
    model_store_dir: Path = Field(Path("model_store"), description="Folder of model versions and the pointer current")
    model_store_url: str = Field("", pattern="^(s3://.+)?$", description="s3:// URL that stands for that folder")

    # An object store (s3://); what is unset is found in AWS's own way
    s3_endpoint_url: str = Field("", pattern="^(https?://.+)?$", description="Object store that is not Amazon's")
    s3_region: str = Field("", description="Region of the buckets")
    s3_access_key_id: SecretStr | None = Field(None, description="Name of the key to the object store")
    s3_secret_access_key: SecretStr | None = Field(None, description="The key to the object store")
    s3_timeout_seconds: float = Field(5.0, gt=0, le=25, description="Longest silence of the object store")

    # Redis
    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis of broker and job store")
    job_store_url: SecretStr | None = Field(None, description="Redis of the job store; unset: REDIS_URL, next database")
    redis_password: SecretStr | None = Field(None, description="Of both, where their URLs hold none")
    sentinel_password: SecretStr | None = Field(None, description="Of the sentinels themselves")
    redis_ca_file: FilePath | None = Field(None, description="Who signs their certificates; unset: the system's list")
    redis_cert_file: FilePath | None = Field(None, description="Certificate that dentiq shows to them")
    redis_key_file: FilePath | None = Field(None, description="The key of that certificate")
    redis_timeout_seconds: float = Field(5.0, gt=0, description="Longest wait for one answer of Redis")
    redis_max_connections: int = Field(64, ge=4, description="Most connections of one process to the job store")

    # What is accepted
    max_upload_bytes: int = Field(20_000_000, ge=1024, description="Most bytes of one image")
    max_image_pixels: int = Field(50_000_000, ge=1024, description="Most pixels of one image, before any scaling")
    min_image_edge: int = Field(32, ge=1, description="Fewest pixels along the shorter edge")
    max_form_parts: int = Field(100, ge=1, le=1000, description="Most parts of one multipart form")
    max_batch_images: int = Field(64, ge=1, le=500, description="Most images of one request to a batch")
    max_archive_bytes: int = Field(1024**3, ge=1024, description="Most bytes of one zip archive")
    max_archive_images: int = Field(10_000, ge=1, le=60_000, description="Most entries of one zip archive")

    # Jobs
    lease_seconds: float = Field(5.0, ge=0.2, description="Time after which a silent worker loses its jobs")
    max_attempts: int = Field(3, ge=1, description="Attempts after which a job ends as failed")
    retry_backoff_seconds: float = Field(1.0, ge=0, description="Wait before the second attempt; doubles each time")
    sweep_interval_seconds: float = Field(1.0, ge=0.1, description="Time between two runs of the sweeper")
    retention_hours: float = Field(7 * 24, gt=0, description="Age at which an image and its record are erased")
    idempotency_hours: float = Field(24, gt=0, description="Time for which an Idempotency-Key is remembered")
    upload_grace_seconds: float = Field(3600, gt=0, description="Age at which an image that no job owns is erased")

    # Webhooks, which beat sends; none without a secret
    webhook_secret: SecretStr | None = Field(None, description="Signs webhooks: whsec_ and 24 to 64 bytes in base64")
    webhook_url: SecretStr | None = Field(None, description="Told of jobs and batches that name no address themselves")
    webhook_allow_private: bool = Field(False, description="Let webhooks go to private addresses and by plain HTTP")
    webhook_timeout_seconds: float = Field(10.0, gt=0, le=60, description="Longest wait for a receiver's whole answer")
    webhook_max_attempts: int = Field(8, ge=1, le=20, description="Attempts after which a webhook is given up")
    webhook_backoff_seconds: float = Field(
        5.0, gt=0, description="Wait before the second attempt; four times each time"
    )

    # Workers
    runtime: Literal["auto", "onnx", "torch", "torch-graphs"] = Field(
        "auto", description="Inference runtime; torch-graphs records the network as CUDA graphs, never measured"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the network runs")
    worker_processes: int = Field(0, ge=0, description="Pool processes of one worker; 0: one per core, on a GPU one")
    interactive_chunk_size: int = Field(8, ge=1, le=256, description="Most single jobs that one chunk carries")
    bulk_chunk_size: int = Field(32, ge=1, le=256, description="Most batch jobs one chunk carries; unset on a GPU: 128")
    bulk_chunk_seconds: float = Field(0.2, gt=0, description="Time a chunk of a batch should take; a person waits it")
    worker_metrics_bind: str = Field("127.0.0.1", description="Address that a worker shows its metrics on")
    worker_metrics_port: int = Field(9809, ge=0, le=65535, description="Port of a worker's metrics; 0: none")

    # Web
    web_bind: str = Field("127.0.0.1", description="Address that the web server listens on")
    published_bind: str = Field("", description="In a container: address that its port is published on")
    open_without_keys: bool = Field(False, description="Let other machines reach the web server without API keys")
    require_keys: bool = Field(False, description="Ask for API keys on loopback too, as behind a proxy that is open")
    keys_file: Path | None = Field(None, description="File of the API keys; unset: DATA_DIR/keys.json")
    key_requests_per_minute: int = Field(3000, ge=0, description="Most requests of one API key; 0: no limit")
    address_requests_per_minute: int = Field(1200, ge=0, description="Most keyless requests of an address; 0: no limit")
    trusted_proxies: str = Field("127.0.0.1,::1", description="Addresses or networks whose X-Forwarded-For is believed")
    web_metrics_bind: str = Field("127.0.0.1", description="Address that shows web's metrics without a key")
    web_metrics_port: int = Field(0, ge=0, le=65535, description="Port that does so; 0: none")
    port: int = Field(5000, ge=1, le=65535, description="Port of the web server")
    web_processes: int = Field(2, ge=1, description="Processes of the web server")
    web_threads: int = Field(16, ge=1, description="Threads of each web process; a long poll holds one")
    max_wait_seconds: float = Field(20.0, ge=0, le=60, description="Longest long poll that is honoured")

    # Addresses that the system page links to; empty: no link
    flower_url: str = Field("", pattern="^(https?://.*)?$", description="Address of Flower for people's browsers")
    prometheus_url: str = Field("", pattern="^(https?://.*)?$", description="Address of Prometheus, likewise")
    grafana_url: str = Field("", pattern="^(https?://.*)?$", description="Address of Grafana, likewise")

    # The local stack (`make run`); elsewhere these parts have addresses of their own
    local_redis_port: int = Field(6379, ge=1, le=65535, description="Port of the Redis that the local stack starts")
    flower_port: int = Field(5555, ge=1, le=65535, description="Port of Flower")
    exporter_port: int = Field(9808, ge=1, le=65535, description="Port of celery-exporter")
    prometheus_port: int = Field(9090, ge=1, le=65535, description="Port of Prometheus, where it is installed")
    node_exporter_port: int = Field(9100, ge=1, le=65535, description="Port of node-exporter, where it is installed")
    redis_exporter_port: int = Field(9121, ge=1, le=65535, description="Port of redis_exporter, where it is installed")

    # Logging
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or text for people")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment.

        Args:
            environ: Variables to read; the environment of the process when omitted. `DENTIQ_X_FILE` names a file
                that holds the value of a secret `DENTIQ_X`.

        Raises:
            ConfigurationError: A variable is unknown or its value is not allowed. The message names the variable,
                the value and what is allowed, or the nearest known name.
        """
        given = _read_variables(os.environ if environ is None else environ, known=set(cls.model_fields))
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(_describe(error)) from error

    @field_validator("redis_url", "job_store_url")
    @classmethod
    def _only_redis_urls(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_redis_url(value.get_secret_value())
        return value

    @field_validator("redis_ca_file", "redis_cert_file", "redis_key_file", "sentinel_password")
    @classmethod
    def _only_where_of_use(cls, value: Path | SecretStr | None, info: ValidationInfo) -> Path | SecretStr | None:
        if value is not None:
            require_use(str(info.field_name), *map(_text_of, map(info.data.get, ("redis_url", "job_store_url"))))
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _only_webhook_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split() if value else ():
            require_webhook_secret(secret)
        return value

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What webhooks are signed with, the newest first; several while receivers change over. None: no webhooks."""
        return tuple(self.webhook_secret.get_secret_value().split()) if self.webhook_secret else ()

    @property
    def effective_storage_url(self) -> str:
        """The URL of the image storage."""
        if self.storage_url is not None:
            return self.storage_url.get_secret_value()
        return (self.data_dir.absolute() / "storage").as_uri()

    @property
    def effective_job_store_url(self) -> str:
        """The Redis URL of the job store: as set, or the database after the broker's."""
        if self.job_store_url is not None:
            return self._completed(self.job_store_url)
        return next_database(self.effective_redis_url)

    @property
    def effective_redis_url(self) -> str:
        """The Redis URL of the broker, with what has settings of its own: passwords and certificates."""
        return self._completed(self.redis_url)

    def _completed(self, url: SecretStr) -> str:
        return complete(
            url.get_secret_value(),
            password=_text_of(self.redis_password),
            sentinel_password=_text_of(self.sentinel_password),
            tls=TlsFiles(self.redis_ca_file, self.redis_cert_file, self.redis_key_file),
        )

    @property
    def model_store_location(self) -> str:
        """The folder or the URL of the model store."""
        return self.model_store_url or str(self.model_store_dir)

    @property
    def s3(self) -> S3Access:
        """How an object store is reached."""
        return S3Access(
            endpoint_url=self.s3_endpoint_url,
            region=self.s3_region,
            access_key_id=_text_of(self.s3_access_key_id),
            secret_access_key=_text_of(self.s3_secret_access_key),
            timeout_seconds=self.s3_timeout_seconds,
        )

    @field_validator("trusted_proxies")
    @classmethod
    def _only_networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @property
    def open_to_network(self) -> bool:
        """Whether other machines reach the web server: where its port is published counts, not a container's own."""
        return not is_loopback(self.published_bind or self.web_bind)

    @property
    def keys_required(self) -> bool:
        """Whether requests need an API key."""
        return self.require_keys or (self.open_to_network and not self.open_without_keys)

    @property
    def effective_keys_file(self) -> Path:
        """The file of the API keys."""
        return self.keys_file or self.data_dir.absolute() / "keys.json"

    @property
    def batch_life_seconds(self) -> float:
        """How long a batch is known after its last submission: a little longer than its jobs."""
        return (self.retention_hours + 2) * 3600

    @property
    def image_limits(self) -> ImageLimits:
        """What an upload may be."""
        return ImageLimits(
            max_bytes=self.max_upload_bytes, max_pixels=self.max_image_pixels, min_edge=self.min_image_edge
        )


def _read_variables(environ: Mapping[str, str], *, known: set[str]) -> dict[str, str]:
    """Collect the prefixed variables under their field names, secrets from files included."""
    given: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(ENV_PREFIX):
            continue
        name = variable.removeprefix(ENV_PREFIX)
        field = name.lower()
        if field in known:
            given[field] = value
        elif name.endswith(_FILE_SUFFIX) and _is_secret(field.removesuffix(_FILE_SUFFIX.lower())):
            given[field.removesuffix(_FILE_SUFFIX.lower())] = _read_secret(variable, value)
        else:
            raise ConfigurationError(_unknown(variable, known))
    # An empty variable means "not set": Compose passes unset ones on as empty.
    return {field: value for field, value in given.items() if value != ""}


def _text_of(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _is_secret(field: str) -> bool:
    info = Settings.model_fields.get(field)
    return info is not None and "SecretStr" in str(info.annotation)


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{variable} names the file {path!r}, which cannot be read: {error}") from error


def _unknown(variable: str, known: set[str]) -> str:
    names = sorted(f"{ENV_PREFIX}{field.upper()}" for field in known)
    nearest = difflib.get_close_matches(variable, names, n=1, cutoff=0.6)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the known ones are {', '.join(names)}."
    return f"{variable} is no setting of dentiq; {hint}"


def _describe(error: ValidationError) -> str:
    """Name each wrong variable, its value (secrets masked) and what is allowed."""
    sentences = []
    for problem in error.errors():
        field = str(problem["loc"][0])
        value = "**********" if _is_secret(field) else repr(problem["input"])
        sentences.append(f"{ENV_PREFIX}{field.upper()} is {value}: {problem['msg']}.")
    return " ".join(sentences)
