"""The judge: compares what senders were told with what is stored. It shares no code with the product.

Where a request was not answered, both worlds are right; where an erasure makes a count unknowable, its bounds are held.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tests.chaos.ledger import BatchSent, Ledger, Sending
from tests.chaos.raw_store import RawJob, Snapshot
from tests.chaos.reference import LABELS, VERSIONS, label_of, outcome_of, steps_of

_TERMINAL = ("succeeded", "failed", "cancelled")


def judge(ledger: Ledger, stored: Snapshot, *, earlier: Mapping[str, int], max_attempts: int) -> list[str]:
    """Compare; return a sentence for each broken promise.

    Args:
        ledger: What senders were told.
        stored: What is stored, at rest.
        earlier: The totals before this history.
        max_attempts: Attempts that a job has.
    """
    counts = {name: count - earlier.get(name, 0) for name, count in stored.counts.items()}
    complaints = list(ledger.violations)
    complaints += [f"not at rest: {name} {count}" for name, count in stored.working.items()]
    for job in stored.jobs.values():
        complaints += _judge_job(job, ledger, max_attempts=max_attempts)
    by_name: dict[str, list[str]] = defaultdict(list)
    for job in stored.jobs.values():
        by_name[job.name].append(job.id)
    for sending in ledger.sendings:
        complaints += _judge_sending(sending, by_name, ledger)
    complaints += _judge_strangers(by_name, ledger)
    complaints += _judge_counts(counts, ledger, stored)
    for batch in ledger.batches.values():
        complaints += _judge_batch(batch, ledger, stored)
    complaints += _judge_leftovers(stored)
    return complaints


def judge_emptiness(stored: Snapshot, *, before: Mapping[str, int]) -> list[str]:
    """Tell what is left once retention has passed; the totals must not have moved."""
    left = [f"after retention: job {job_id} is still there" for job_id in stored.jobs]
    left += [f"after retention: the file {name} is still there" for name in stored.files]
    kinds: dict[str, Iterable[str]] = {
        "batch": stored.batches,
        "list of batch": stored.batch_jobs,
        "ranks of batch": stored.batch_ranks,
    }
    left += [f"after retention: {kind} {one} is still there" for kind, all_ in kinds.items() for one in all_]
    left += [f"after retention: not at rest: {name} {count}" for name, count in stored.working.items()]
    if stored.counts != before:
        left.append(f"retention moved the totals from {before} to {stored.counts}")
    return left


def _judge_job(job: RawJob, ledger: Ledger, *, max_attempts: int) -> Iterator[str]:
    name = job.name
    image = ledger.images.get(name)
    seen = ledger.seen.get(job.id)
    if job.status not in _TERMINAL:
        yield f"LOST: job {job.id} never ended: {job.fields}"
        return
    if image is None:
        yield f"job {job.id} has the file name {name!r}, which nobody sent"
        return
    if seen is not None and (seen.status, seen.version) != (job.status, job.fields.get("version")):
        yield f"job {job.id} was shown as {seen.status} by {seen.version}, and is stored as {job.fields}"
    attempts = int(job.fields.get("attempts", 0))
    if attempts > max_attempts:
        yield f"job {job.id} was tried {attempts} times"
    if job.status == "succeeded":
        yield from _judge_result(job, image, ledger)
    elif job.status == "failed" and (job.fields.get("error_code"), attempts) != ("poison", max_attempts):
        yield f"LOST: job {job.id} failed: {job.fields}"


def _judge_result(job: RawJob, image: bytes, ledger: Ledger) -> Iterator[str]:
    version = job.fields["version"]
    if version not in VERSIONS:
        yield f"job {job.id} was answered by version {version}"
        return
    steps = steps_of(image, version)
    if (job.steps, job.fields["outcome"]) != (steps, outcome_of(image, version)):
        yield f"job {job.id} is stored as {job.fields}, the reference says {steps}"
    if job.name in ledger.poison:
        yield f"job {job.id} succeeded with an image that takes its process down"
    seen = ledger.seen.get(job.id)
    if seen is not None and seen.predictions not in {(), tuple(sorted(zip(LABELS, steps, strict=True)))}:
        yield f"job {job.id} was shown {seen.predictions}, the reference says {steps}"


def _judge_sending(sending: Sending, by_name: Mapping[str, list[str]], ledger: Ledger) -> Iterator[str]:
    told = {name: {ids[name] for ids in sending.told if name in ids} for name in sending.names}
    erasable = bool(sending.batch and sending.batch in ledger.erased)
    made = set()
    for name in sending.names:
        present = set(by_name.get(name, ()))
        for job_id in told[name] - present:
            if not ledger.erasure_tried(job_id, sending.batch):
                yield f"LOST: {name} was accepted as {job_id}, which is not there"
        for job_id in told[name] & present:
            if ledger.erased.get(job_id):
                yield f"job {job_id} was answered as erased and is there"
        untold = present - told[name]
        erased_one = any(ledger.erasure_tried(job_id, sending.batch) for job_id in told[name])
        allowed = sending.unknown if not sending.key else int(not told[name] or erased_one) * min(1, sending.unknown)
        if len(untold) > allowed:
            yield f"DOUBLE: {name} has the jobs {sorted(present)}, its sender was told {sending.told}"
        if not told[name]:
            made.add(len(untold))
    if sending.key and len(made) > 1 and not erasable:
        yield f"the images {sending.names} of one request are there in part"


def _judge_strangers(by_name: Mapping[str, list[str]], ledger: Ledger) -> Iterator[str]:
    sent = {name for sending in ledger.sendings for name in sending.names}
    for name in by_name.keys() - sent:
        yield f"{name} is stored as {by_name[name]}, though its request was refused"


def _absent(ledger: Ledger, stored: Snapshot) -> tuple[list[str], int]:
    """List the told jobs that are erased, and bound the erased ones that nobody was told of."""
    gone, hidden = [], 0
    for sending in ledger.sendings:
        ids = {job_id for told in sending.told for job_id in told.values()}
        gone += [job_id for job_id in ids if job_id not in stored.jobs]
        if sending.batch in ledger.erased:
            hidden += len(sending.names) * (min(1, sending.unknown) if sending.key else sending.unknown)
        elif sending.batch is None and any(job_id in ledger.erased for job_id in ids):
            # Under its key a repetition that was not answered may have made a job anew, and told of it later.
            hidden += sending.unknown
    return gone, hidden


def _judge_counts(counts: Mapping[str, int], ledger: Ledger, stored: Snapshot) -> Iterator[str]:
    gone, hidden = _absent(ledger, stored)
    submitted = counts.get("submitted", 0)
    least = len(stored.jobs) + len(gone)
    if not least <= submitted <= least + hidden:
        yield f"submitted counts {submitted}, records and erasures make {least} to {least + hidden}"
    if sum(counts.get(status, 0) for status in _TERMINAL) != submitted:
        yield f"DOUBLE or LOST: the totals by status do not add up: {counts}"
    known = Counter(job.status for job in stored.jobs.values())
    known.update(ledger.seen[job_id].status for job_id in gone if job_id in ledger.seen)
    yield from _within(counts, known, slack=submitted - known.total(), prefix="", names=_TERMINAL)
    succeeded = [job for job in stored.jobs.values() if job.status == "succeeded"]
    labels = Counter(f"{job.fields['version']} {label_of(job.steps)}" for job in succeeded)
    outcomes = Counter(f"{job.fields['version']} {job.fields['outcome']}" for job in succeeded)
    errors = Counter(job.fields.get("error_code", "") for job in stored.jobs.values() if job.status == "failed")
    for prefix, found, status in (
        ("label ", labels, "succeeded"),
        ("outcome ", outcomes, "succeeded"),
        ("error ", errors, "failed"),
    ):
        total = counts.get(status, 0)
        names = [name.removeprefix(prefix) for name in counts if name.startswith(prefix)]
        if sum(counts[prefix + name] for name in names) != total:
            yield f"DOUBLE: the totals by {prefix.strip()} do not add up to {total} {status}: {dict(counts)}"
        yield from _within(counts, found, slack=total - found.total(), prefix=prefix, names=(*names, *found))


def _within(
    counts: Mapping[str, int], found: Mapping[str, int], *, slack: int, prefix: str, names: tuple[str, ...]
) -> Iterator[str]:
    for name in dict.fromkeys(names):
        least = found.get(name, 0)
        if not least <= counts.get(prefix + name, 0) <= least + slack:
            yield f"{prefix}{name} counts {counts.get(prefix + name, 0)}, the records say {least} (erased: {slack})"


def _judge_batch(batch: BatchSent, ledger: Ledger, stored: Snapshot) -> Iterator[str]:
    record = stored.batches.get(batch.id)
    if record is None or batch.id in ledger.erased:
        if record is None and batch.id not in ledger.erased:
            yield f"LOST: batch {batch.id} is not there"
        elif record is not None and ledger.erased[batch.id]:
            yield f"batch {batch.id} was answered as erased and is there"
        return
    ids = stored.batch_jobs.get(batch.id, [])
    if len(ids) != len(set(ids)) or len(ids) != int(record.get("total", 0)):
        yield f"DOUBLE: batch {batch.id} counts {record.get('total')} jobs and lists {len(ids)}"
    jobs = [stored.jobs[job_id] for job_id in ids if job_id in stored.jobs]
    slack = len(ids) - len(jobs)
    yield from (
        f"LOST: job {job_id} of batch {batch.id} is not there"
        for job_id in ids
        if job_id not in stored.jobs and job_id not in ledger.erased
    )
    told = {job_id for sending in batch.sendings for ids_told in sending.told for job_id in ids_told.values()}
    if told - set(ids):
        yield f"LOST: batch {batch.id} does not list {sorted(told - set(ids))}"
    if (record["state"] == "cancelled") < batch.cancel_told or (record["state"] == "cancelled") > batch.cancel_tried:
        yield f"batch {batch.id} is {record['state']}, cancelling was answered: {batch.cancel_told}"
    succeeded = [job for job in jobs if job.status == "succeeded"]
    found = Counter(job.status for job in jobs)
    found.update(f"outcome {job.fields['outcome']}" for job in succeeded)
    found.update(f"label {label_of(job.steps)}" for job in succeeded if job.fields["outcome"] == "answered")
    names = [*_TERMINAL, "queued", "running", *found, *(n for n in record if n.startswith(("outcome ", "label ")))]
    counts = {name: int(record.get(name, 0)) for name in names}
    yield from (
        f"batch {batch.id}: {one}" for one in _within(counts, found, slack=slack, prefix="", names=tuple(names))
    )
    yield from _judge_ranks(batch.id, jobs, ids, stored)


def _judge_ranks(batch_id: str, jobs: list[RawJob], ids: list[str], stored: Snapshot) -> Iterator[str]:
    groups: dict[str, set[str]] = defaultdict(set)
    for job in jobs:
        if job.status == "succeeded":
            groups[f"{job.fields['outcome']} {label_of(job.steps)}"].add(job.id)
        elif job.status == "failed":
            groups["failed"].add(job.id)
    ranked = stored.batch_ranks.get(batch_id, {})
    for group in groups.keys() | ranked.keys():
        members = set(ranked.get(group, ()))
        if not groups[group] <= members or not (members - groups[group]).isdisjoint(stored.jobs):
            yield f"batch {batch_id} ranks {sorted(members)} under {group!r}, the records say {sorted(groups[group])}"
        if not members <= set(ids):
            yield f"batch {batch_id} ranks jobs that are not its own"


def _judge_leftovers(stored: Snapshot) -> Iterator[str]:
    images = {name for name in stored.files if "." not in name}
    yield from (f"LOST: the image of job {one} is gone" for one in stored.jobs.keys() - images)
    yield from (f"LEAK: file {name}" for name in stored.files if name.partition(".")[0] not in stored.jobs)
    yield from (f"LEAK: file {name}, half written" for name in stored.files if name.endswith(".part"))
    yield from (f"LEAK: key {key} has no end" for key in stored.mortal_without_end)
    yield from (f"LEAK: key {key} is not known" for key in stored.unknown_keys)
