"""Redis commands of a job in bulk, from its submission to its result."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.scale.commands import counted
from tests.scale.rig import CHUNK, PORTION, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with closing(Rig(tmp_path / "rig")) as made:
        # The first job asks whether this Redis keeps what it is given, and Redis is told the scripts once.
        made.submit(made.make_batch(), PORTION)
        made.work(PORTION)
        yield made


def test_commands_are_told_apart_by_who_sends_them(redis_url: str) -> None:
    with counted(redis_url) as commands, redis.Redis.from_url(redis_url) as client:
        client.set("one", "1")
        client.eval("redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[1])", 1, "one")
    assert commands.sent["SET"] == commands.sent["EVAL"] == 1
    assert commands.within == {"INCR": 2}


def test_a_job_in_bulk_costs_at_most_two_commands_from_its_submission_to_its_result(rig: Rig) -> None:
    jobs = 10 * PORTION
    batch_id = rig.make_batch()
    with counted(rig.redis.url) as commands:
        rig.submit(batch_id, jobs)
        rig.work(jobs)
    assert rig.services.batches.get(batch_id).ended == jobs
    assert commands.sent.total() / jobs <= 2
    # In fact far fewer: a portion is announced and created, a chunk is claimed and finished, by one script each.
    assert commands.sent["EVALSHA"] == 2 * jobs / PORTION + 2 * jobs / CHUNK
    # Redis works these off in one thread. A job's own keys take 17; counters move once a chunk.
    assert commands.within.total() / jobs <= 20
    assert commands.within["HINCRBY"] / jobs <= 2


def test_a_deep_queue_adds_no_command(rig: Rig) -> None:
    def within() -> float:
        with counted(rig.redis.url) as commands:
            rig.submit(rig.make_batch(), PORTION)
            rig.work(PORTION)
        return commands.within.total() / PORTION

    shallow = within()
    rig.submit(rig.make_batch(), 100 * PORTION)
    assert within() == pytest.approx(shallow, rel=0.1)
