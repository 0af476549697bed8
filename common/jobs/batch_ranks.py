"""The results of a batch in order of probability, a page at a time: what people sort and filter thousands by."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, Final

import redis

from common.errors import BatchNotFoundError
from common.jobs import keys
from common.redis_client import redis_errors_translated

FAILED: Final = "failed"

_RANK: Final = "rank "
# As `rank_in_batch` of lua/prelude.lua places them.
_STEPS: Final = 100_000
_STEP: Final = 2**33

# Jobs of one request may share a place; a page that begins among them asks for this many more at first.
_SHARED_PLACES: Final = 64

_Entry = tuple[int, str]


@dataclass(frozen=True)
class RankQuery:
    """Which results of a batch.

    Attributes:
        groups: Of those that `BatchRanks.groups` names.
        lowest: Least probability of the first label.
        highest: The probability is below this one; above 1 for no bound.
        falling: Whether the most probable come first.
        cursor: From the page before; empty at the beginning.
    """

    groups: tuple[str, ...]
    lowest: float = 0.0
    highest: float = 2.0
    falling: bool = True
    cursor: str = ""


@dataclass(frozen=True)
class RankPage:
    """One page of results.

    Attributes:
        job_ids: In order; jobs that were erased meanwhile are among them.
        cursor: Where to go on; empty at the end.
    """

    job_ids: tuple[str, ...]
    cursor: str


class BatchRanks:
    """Read the results of batches in order of probability.

    Every method raises `JobStoreUnavailableError` when Redis does not answer.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def groups(self, batch_id: str) -> dict[str, int]:
        """Count a batch's results by group: `OUTCOME LABEL`, or `failed`.

        Raises:
            BatchNotFoundError: There is no such batch.
        """
        with redis_errors_translated():
            record: Any = self._redis.hgetall(keys.BATCH + batch_id)
        if not record:
            raise BatchNotFoundError(f"There is no batch {batch_id!r}: it never was, was erased, or is past retention.")
        return {name.removeprefix(_RANK): int(count) for name, count in record.items() if name.startswith(_RANK)}

    def page(self, batch_id: str, query: RankQuery, *, count: int) -> RankPage:
        """List a part of a batch's results; as fast at the end of a large batch as at its beginning."""
        after = _read_cursor(query.cursor)
        streams = [self._from(f"{keys.BATCH_RANK}{batch_id}:{group}", query, after, count) for group in query.groups]
        found = list(islice(merge(*streams, reverse=query.falling), count))
        following = f"{found[-1][0]}-{found[-1][1]}" if len(found) == count else ""
        return RankPage(tuple(job_id for _, job_id in found), following)

    def _from(self, key: str, query: RankQuery, after: _Entry | None, count: int) -> Iterable[_Entry]:
        """Read the first entries of one group behind a place."""
        low: int | str = round(query.lowest * _STEPS) * _STEP
        high: int | str = f"({round(query.highest * _STEPS) * _STEP}"
        if after is not None:
            low, high = (low, after[0]) if query.falling else (after[0], high)
        asked = count + _SHARED_PLACES
        while True:
            found = self._between(key, low, high, falling=query.falling, count=asked)
            behind = [entry for entry in found if after is None or _is_behind(entry, after, falling=query.falling)]
            if len(behind) >= count or len(found) < asked:
                return behind[:count]
            asked *= 4

    def _between(self, key: str, low: int | str, high: int | str, *, falling: bool, count: int) -> list[_Entry]:
        start, end = (high, low) if falling else (low, high)
        with redis_errors_translated():
            found: Any = self._redis.zrange(
                key, start, end, byscore=True, desc=falling, offset=0, num=count, withscores=True
            )
        # The client gives scores as text (RESP3) or number; each is a whole number below 2^53.
        return [(int(float(score)), job_id) for job_id, score in found]


def _is_behind(entry: _Entry, place: _Entry, *, falling: bool) -> bool:
    return entry < place if falling else entry > place


def _read_cursor(cursor: str) -> _Entry | None:
    """Read where a page ended; a cursor that nobody gave out is the beginning."""
    score, dash, job_id = cursor.partition("-")
    return (int(score), job_id) if dash and score.isascii() and score.isdigit() and len(score) < 17 else None
