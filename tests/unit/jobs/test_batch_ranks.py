"""The results of a batch in order: every one once, page by page, by group and by probability."""

import random
from dataclasses import replace
from itertools import product

import pytest
import redis

from common.errors import BatchNotFoundError
from common.jobs.batch_ranks import BatchRanks, RankQuery
from common.jobs.batches import BatchStore, Closing
from common.jobs.record import Claim, Failure, Outcome, Success
from common.queues import QueueName
from tests.unit.jobs.conftest import LABELS, Verbs


@pytest.fixture
def ranks(client: redis.Redis) -> BatchRanks:
    return BatchRanks(client)


@pytest.fixture
def batch(batches: BatchStore) -> str:
    return batches.create("b", name="Monday", life_seconds=3600).id


def result(claim: Claim, label: str, probability: float, outcome: Outcome = Outcome.ANSWERED) -> Success:
    rest = (1 - probability) / (len(LABELS) - 1)
    probabilities = tuple(probability if name == label else rest for name in LABELS)
    return Success(claim, "v1", outcome, label, probabilities, decode_seconds=0.01, inference_seconds=0.01)


def claim_all(verbs: Verbs, count: int) -> list[Claim]:
    claims: list[Claim] = []
    while len(claims) < count:
        claims += verbs.claim()
    return claims


def all_pages(ranks: BatchRanks, query: RankQuery, *, count: int) -> list[str]:
    found: list[str] = []
    while True:
        page = ranks.page("b", query, count=count)
        found += page.job_ids
        if not page.cursor:
            return found
        query = replace(query, cursor=page.cursor)


def test_each_page_goes_on_where_the_one_before_ended_though_most_probabilities_are_equal(
    ranks: BatchRanks, batch: str, verbs: Verbs
) -> None:
    ids = verbs.submit(300, queue=QueueName.BULK, batch_id=batch)
    chance = random.Random(5)
    probability = {job_id: chance.choice([1.0, 1.0, 1.0, 0.9, 0.62]) for job_id in ids}
    label = {job_id: chance.choice(LABELS) for job_id in ids}
    verbs.store.finish([result(c, label[c.job_id], probability[c.job_id]) for c in claim_all(verbs, 300)])
    groups = tuple(ranks.groups(batch))
    assert {group: sum(value == group.split()[1] for value in label.values()) for group in groups} == ranks.groups(
        batch
    )
    for falling, count in product([True, False], [7, 48]):
        found = all_pages(ranks, RankQuery(groups, falling=falling), count=count)
        assert sorted(found) == sorted(ids)
        shown = [probability[job_id] for job_id in found]
        assert shown == sorted(shown, reverse=falling)
    some = all_pages(ranks, RankQuery(("answered caries",), lowest=0.9, highest=1.0), count=20)
    assert set(some) == {job_id for job_id in ids if label[job_id] == "caries" and probability[job_id] == 0.9}


def test_outcomes_and_failures_are_groups_of_their_own(ranks: BatchRanks, batch: str, verbs: Verbs) -> None:
    verbs.submit(3, queue=QueueName.BULK, batch_id=batch)
    answered, uncertain, broken = claim_all(verbs, 3)
    verbs.store.finish(
        [
            result(answered, "ulcer", 0.8),
            result(uncertain, "ulcer", 0.5, Outcome.UNCERTAIN),
            Failure(broken, "image_corrupt", "It is damaged."),
        ]
    )
    assert ranks.groups(batch) == {"answered ulcer": 1, "uncertain ulcer": 1, "failed": 1}
    assert ranks.page(batch, RankQuery(("failed",)), count=5).job_ids == (broken.job_id,)
    assert ranks.page(batch, RankQuery(("uncertain ulcer",)), count=5).job_ids == (uncertain.job_id,)


def test_a_result_that_is_written_twice_has_one_place(ranks: BatchRanks, batch: str, verbs: Verbs) -> None:
    verbs.submit(1, queue=QueueName.BULK, batch_id=batch)
    (claim,) = verbs.claim()
    verbs.store.finish([result(claim, "ulcer", 0.8)])
    verbs.store.finish([result(claim, "ulcer", 0.8)])
    assert ranks.groups(batch) == {"answered ulcer": 1}


def test_the_last_of_all_attempts_is_a_failure_too(ranks: BatchRanks, batch: str, verbs: Verbs) -> None:
    verbs.submit(1, queue=QueueName.BULK, batch_id=batch)
    (claim,) = verbs.claim()
    verbs.store.postpone([Failure(claim, "storage_unavailable", "away")], max_attempts=1, delay_seconds=0)
    assert ranks.groups(batch) == {"failed": 1}


def test_an_erased_batch_leaves_no_places(
    ranks: BatchRanks, batches: BatchStore, batch: str, verbs: Verbs, client: redis.Redis
) -> None:
    verbs.submit(2, queue=QueueName.BULK, batch_id=batch)
    verbs.store.finish([result(claim, "ulcer", 0.8) for claim in verbs.claim()])
    batches.close(batch, Closing.ERASED)
    assert client.keys("dentiq:batchrank:*") == []
    with pytest.raises(BatchNotFoundError):
        ranks.groups(batch)


def test_places_end_with_their_batch(batch: str, verbs: Verbs, client: redis.Redis) -> None:
    verbs.submit(1, queue=QueueName.BULK, batch_id=batch)
    verbs.store.finish([result(claim, "ulcer", 0.8) for claim in verbs.claim()])
    assert 0 < client.ttl("dentiq:batchrank:b:answered ulcer") <= 3600


def test_places_end_with_a_batch_that_is_in_its_last_half_second(batch: str, verbs: Verbs, client: redis.Redis) -> None:
    verbs.submit(2, queue=QueueName.BULK, batch_id=batch)
    claims = verbs.claim()
    client.pexpire("dentiq:batch:b", 450)
    verbs.store.finish([result(claim, "ulcer", 0.8) for claim in claims])
    assert [key for key in client.keys("dentiq:batchrank:*") if client.ttl(key) == -1] == []


@pytest.mark.parametrize("cursor", ["", "x", "-", "12", "99999999999999999999-x", "-5-abc", "\u0663-x"])
def test_a_cursor_that_nobody_gave_out_is_the_beginning(
    ranks: BatchRanks, batch: str, verbs: Verbs, cursor: str
) -> None:
    ids = verbs.submit(1, queue=QueueName.BULK, batch_id=batch)
    verbs.store.finish([result(claim, "ulcer", 0.8) for claim in verbs.claim()])
    assert ranks.page(batch, RankQuery(("answered ulcer",), cursor=cursor), count=5).job_ids == tuple(ids)
