"""Summing what many processes have counted in their files; what stands before a value is parsed once, not each time.

The Prometheus client sums as well (`MultiProcessCollector.merge`), but parses every key of every file at each scrape:
half of the time of a web whose routes were all asked for. A key never changes its meaning, so it is remembered here; of
the files themselves nothing is, for they grow, end and come again under the same name.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

# Kinds whose values are sums over all processes that ever were. The client does the others, which are few.
COUNTING: Final = frozenset({"counter", "histogram"})

# All processes of a part write the same keys: a thousand of web once each route was asked for, at 1 kB.
_KEYS_REMEMBERED: Final = 16_384

Labels = tuple[tuple[str, str], ...]

# Name of a sample, and of a bucket its upper bound: what tells the values apart that one metric has for its labels.
Part = tuple[str, float | None]


class _Key(NamedTuple):
    """What the client has written before a value.

    Attributes:
        owner: Name of the metric, and the labels without the bound of a bucket.
        part: Which value of these it is.
        help: What the metric says of itself; after an update processes may differ in it.
    """

    owner: tuple[str, Labels]
    part: Part
    help: str


def kind_of(path: Path) -> str:
    """Tell which kind of metric a file holds: `counter_123.db`, `gauge_livesum_123.db`."""
    return path.name.partition("_")[0]


def merge(files: Sequence[Path]) -> Iterator[Metric]:
    """Sum the values of all files.

    Args:
        files: Of processes that live, and of those that are gone as far as they count on.
    """
    for kind in sorted(COUNTING):
        yield from _sums(kind, [path for path in files if kind_of(path) == kind])
    others = [str(path) for path in files if kind_of(path) not in COUNTING]
    yield from MultiProcessCollector.merge(others)  # type: ignore[no-untyped-call]


def _sums(kind: str, files: Sequence[Path]) -> Iterator[Metric]:
    by_text: defaultdict[str, float] = defaultdict(float)
    for path in files:
        for text, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            by_text[text] += value
    totals: defaultdict[tuple[str, Labels], defaultdict[Part, float]] = defaultdict(lambda: defaultdict(float))
    metrics: dict[str, Metric] = {}
    for text, value in by_text.items():
        key = _parse(text)
        totals[key.owner][key.part] += value
        if key.owner[0] not in metrics:
            metrics[key.owner[0]] = Metric(key.owner[0], key.help, kind)
    for (name, labels), values in totals.items():
        metrics[name].samples.extend(_samples(name, labels, values))
    yield from metrics.values()


def _samples(metric: str, labels: Labels, values: Mapping[Part, float]) -> Iterator[Sample]:
    """Show the values of one metric for its labels; buckets add up, as Prometheus reads them."""
    shown = dict(labels)
    buckets = []
    for (name, bound), value in values.items():
        if bound is None:
            yield Sample(name, shown, value)
        else:
            buckets.append((bound, name, value))
    if not buckets:
        return
    count = 0.0
    for bound, name, value in sorted(buckets):
        count += value
        yield Sample(name, shown | {"le": floatToGoString(bound)}, count)  # type: ignore[no-untyped-call]
    yield Sample(f"{metric}_count", shown, count)


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _parse(text: str) -> _Key:
    metric, sample, labels, help_text = json.loads(text)
    bound = labels.pop("le", None)
    return _Key((metric, tuple(sorted(labels.items()))), (sample, None if bound is None else float(bound)), help_text)
