"""What a shadow version said beside the one that serves, read from the job store's totals."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.jobs.shadows import ShadowPair, label_pairs, outcome_pairs
from common.jobs.store import JobStore
from common.redis_client import connect
from common.settings import Settings


@dataclass(frozen=True)
class ShadowComparison:
    """How two versions answered the same jobs.

    Attributes:
        served: The version whose answers counted.
        shadow: The other one.
        labels: How often which two labels met: (served, shadow) to jobs.
        outcomes: Likewise for outcomes.
    """

    served: str
    shadow: str
    labels: Mapping[tuple[str, str], int]
    outcomes: Mapping[tuple[str, str], int]

    @property
    def jobs(self) -> int:
        """How many jobs both answered."""
        return sum(self.labels.values())

    @property
    def same_label(self) -> float:
        """Share of the jobs with the same most probable label."""
        return _same(self.labels) / self.jobs

    @property
    def same_outcome(self) -> float:
        """Share of the jobs with the same outcome."""
        return _same(self.outcomes) / self.jobs


def shadow_comparisons(counts: Mapping[str, int]) -> list[ShadowComparison]:
    """Read every pair of versions that has answered the same jobs from the job store's totals."""
    labels, outcomes = label_pairs(counts), outcome_pairs(counts)
    versions = sorted({(pair.served, pair.shadow) for pair in labels})
    return [ShadowComparison(*pair, _of(labels, pair), _of(outcomes, pair)) for pair in versions]


def stored_shadow_comparisons(settings: Settings) -> list[ShadowComparison]:
    """Read the comparisons of the platform of these settings.

    Raises:
        JobStoreUnavailableError: Redis does not answer.
    """
    with connect(
        settings.effective_job_store_url,
        timeout_seconds=settings.redis_timeout_seconds,
        max_connections=settings.redis_max_connections,
    ) as client:
        return shadow_comparisons(JobStore(client).counts())


def _of(pairs: Mapping[ShadowPair, int], versions: tuple[str, str]) -> dict[tuple[str, str], int]:
    return {
        (pair.said, pair.shadow_said): count for pair, count in pairs.items() if (pair.served, pair.shadow) == versions
    }


def _same(pairs: Mapping[tuple[str, str], int]) -> int:
    return sum(count for (said, shadow_said), count in pairs.items() if said == shadow_said)
