"""The model store as Prometheus sees it: what serves, and what it was trained on."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common import metrics as table
from common.errors import ModelError
from common.manifest import Manifest
from common.model_store import ModelStore


class ModelMetrics(Collector):
    """Show every version's date and training shares, and which one is current.

    A manifest never changes once it is written, so each is read once in the life of a process.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._manifests: dict[str, Manifest] = {}

    def collect(self) -> Iterator[Metric]:
        """List the versions; a damaged one is left out, as it serves nobody."""
        info = _family(table.MODEL_INFO)
        created = _family(table.MODEL_CREATED)
        share = _family(table.TRAINING_SHARE)
        for version in self._store.versions():
            manifest = self._manifest(version)
            if manifest is None:
                continue
            created.add_metric([version], manifest.created_at.timestamp())
            for label, value in manifest.training_shares.items():
                share.add_metric([version, label], value)
        current = self._current()
        if current is not None:
            # Twelve digits tell data sets apart, as they do commits.
            info.add_metric([current.version, current.architecture, current.dataset_digest[:12]], 1)
        yield from (info, created, share)

    def current_labels(self) -> Mapping[str, Sequence[str]]:
        """Give the labels of the current version under its name; nothing where no version can be read."""
        current = self._current()
        return {} if current is None else {current.version: current.labels}

    def _current(self) -> Manifest | None:
        try:
            return self._manifest(self._store.current())
        except ModelError:
            return None

    def _manifest(self, version: str) -> Manifest | None:
        if version not in self._manifests:
            try:
                self._manifests[version] = self._store.manifest(version)
            except ModelError:
                return None
        return self._manifests[version]


def _family(metric: table.Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
