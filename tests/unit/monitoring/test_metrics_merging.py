"""What is shown of many processes is what the Prometheus client would show, only sooner."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from common import metrics, metrics_merging
from common.metrics_folding import GONE
from common.metrics_merging import merge
from common.metrics_text import text_of

TABLE = [entry for entry in vars(metrics).values() if isinstance(entry, metrics.Metric)]
PROCESSES = (GONE, 4, 23, 1234567)

# Of a few, so that processes share some; the last four must be escaped, or are no ASCII.
LABEL_VALUES = ("GET", "/api/v1/jobs/<job_id>", "", 'a "quoted" word', "back\\slash", "two\nlines", "séance")

Write = Callable[[int, random.Random, list[metrics.Metric]], None]


def make(entry: metrics.Metric, registry: CollectorRegistry) -> Any:
    if entry.buckets:
        return metrics.histogram(entry, registry)
    return (metrics.counter if entry.name.endswith("_total") else metrics.living_gauge)(entry, registry)


def use(made: Any, draw: random.Random) -> None:
    if isinstance(made, Counter):
        made.inc(draw.choice((1, 0.1, draw.random() * 1e9)))
    elif isinstance(made, Histogram):
        made.observe(draw.expovariate(1))
    elif isinstance(made, Gauge):
        made.set(draw.choice((1, -0.25, draw.random())))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Have the client write what a process with this number counts by these metrics."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def write_one(pid: int, draw: random.Random, entries: list[metrics.Metric]) -> None:
        shared = values.MultiProcessValue(lambda: pid)
        monkeypatch.setattr(values, "ValueClass", shared)
        registry = CollectorRegistry()
        for entry in entries:
            made = make(entry, registry)
            for _ in range(draw.randint(1, 4)):
                use(made.labels(*(draw.choice(LABEL_VALUES) for _ in entry.labels)) if entry.labels else made, draw)
        shared.close_all_files()

    return write_one


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.db"))


def read(families: Any) -> dict[str, Any]:
    """Everything that families say; the order of their series does not matter."""
    return {family.name: (family.type, family.documentation, _series(family)) for family in families}


def _series(family: Family) -> list[Any]:
    return sorted((sample.name, sorted(sample.labels.items()), sample.value) for sample in family.samples)


def by_the_client(folder: Path) -> list[Family]:
    return list(MultiProcessCollector.merge([str(path) for path in files(folder)]))  # type: ignore[no-untyped-call]


class Shown:
    """Families as a registry collects them."""

    def __init__(self, families: list[Family]) -> None:
        self.families = families

    def collect(self) -> list[Family]:
        return self.families


@pytest.mark.parametrize("seed", range(12))
def test_files_of_several_processes_say_what_the_client_reads_in_them(write: Write, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    # Again and again on the same files, which grow meanwhile: what was remembered must not stand in the way.
    for entries in (draw.sample(TABLE, 20), draw.sample(TABLE, 20), TABLE):
        for pid in draw.sample(PROCESSES, k=draw.randint(1, len(PROCESSES))):
            write(pid, draw, entries)
        shown = read(merge(files(tmp_path)))
        assert shown == read(by_the_client(tmp_path))
    assert set(shown) == {entry.name.removesuffix("_total") for entry in TABLE}


@pytest.mark.parametrize("mode", ["all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent"])
def test_a_gauge_of_any_mode_says_what_the_client_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for pid in PROCESSES:
        shared = values.MultiProcessValue(lambda pid=pid: pid)
        monkeypatch.setattr(values, "ValueClass", shared)
        Gauge("held", "Held.", registry=None, multiprocess_mode=mode).set(pid % 10)
        shared.close_all_files()
    assert read(merge(files(tmp_path))) == read(by_the_client(tmp_path))


def test_buckets_rise_though_processes_have_met_them_in_another_order(tmp_path: Path) -> None:
    lay_out(tmp_path / "histogram_4.db", {'["a", "a_bucket", {"le": "10.0"}, "A."]': 3})
    lay_out(tmp_path / "histogram_5.db", {'["a", "a_bucket", {"le": "+Inf"}, "A."]': 1})
    lay_out(tmp_path / "histogram_6.db", {'["a", "a_bucket", {"le": "2.5"}, "A."]': 2})
    (family,) = merge(files(tmp_path))
    shown = [(sample.labels.get("le"), sample.value) for sample in family.samples]
    assert shown == [("2.5", 2), ("10.0", 5), ("+Inf", 6), (None, 6)]


def test_processes_before_and_after_an_update_count_into_one_series(tmp_path: Path) -> None:
    lay_out(tmp_path / "counter_4.db", {mmap_key("a", "a_total", ["b"], ["c"], "As they were."): 2})
    lay_out(tmp_path / "counter_5.db", {mmap_key("a", "a_total", ["b"], ["c"], "As they are."): 3})
    (family,) = merge(files(tmp_path))
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"b": "c"}, 5)]


def test_a_file_that_ends_and_comes_again_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "counter_4.db"
    first, second = (mmap_key(name, f"{name}_total", [], [], "Counts.") for name in ("first", "again"))
    lay_out(path, {first: 2})
    assert text_of_files(tmp_path) == {"first_total 2.0"}
    path.unlink()
    assert text_of_files(tmp_path) == set()
    # The number of a process is given again; this one counts another thing at the same place of its file.
    lay_out(path, {second: 7})
    assert text_of_files(tmp_path) == {"again_total 7.0"}
    lay_out(path, {second: 8, first: 1})
    assert text_of_files(tmp_path) == {"again_total 8.0", "first_total 1.0"}


def test_a_file_with_room_and_nothing_in_it_counts_nothing(tmp_path: Path) -> None:
    # Between two steps of the client that makes it.
    (tmp_path / "counter_4.db").write_bytes(bytes(1 << 16))
    assert list(merge(files(tmp_path))) == []


def test_no_key_is_parsed_a_second_time(write: Write, tmp_path: Path) -> None:
    for pid in PROCESSES:
        write(pid, random.Random(pid), TABLE)
    before = read(merge(files(tmp_path)))
    parsed = metrics_merging._parse.cache_info().misses
    assert read(merge(files(tmp_path))) == before
    assert metrics_merging._parse.cache_info().misses == parsed


@pytest.mark.parametrize("seed", range(4))
def test_the_text_is_the_clients_byte_for_byte(write: Write, tmp_path: Path, seed: int) -> None:
    for pid in PROCESSES:
        write(pid, random.Random(f"{seed} {pid}"), TABLE)
    shown: Any = Shown(list(merge(files(tmp_path))))
    assert shown.families
    for _ in range(2):
        assert text_of(shown) == generate_latest(shown)


@pytest.mark.parametrize("value", [0, 7, -1.5, 1e6, 123456789.0, 1e21, 0.1 + 0.2, float("inf"), float("nan")])
def test_numbers_and_helps_are_written_as_the_client_does(value: float) -> None:
    family = Family("a_seconds", 'Says "so",\nand \\ so.', "gauge")
    family.add_sample("a_seconds", {"z": "1", "a": "2"}, value)
    family.add_sample("a_seconds", {}, value)
    shown: Any = Shown([family])
    assert text_of(shown) == generate_latest(shown)


def lay_out(path: Path, counted: dict[str, float]) -> None:
    """Write a file as the client does, or go on with it."""
    written = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for key, value in counted.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]


def text_of_files(folder: Path) -> set[str]:
    shown: Any = Shown(list(merge(files(folder))))
    return {line for line in text_of(shown).decode().splitlines() if not line.startswith("#")}
