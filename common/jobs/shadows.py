"""Answers of a shadow version: stored beside the result of a job, counted, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from common.jobs import codec
from common.jobs.record import Success
from common.jobs.scripts import Scripts
from common.redis_client import redis_errors_translated


@dataclass(frozen=True)
class ShadowPair:
    """What two versions said of the same jobs.

    Attributes:
        served: The version whose answer counted.
        shadow: The version whose answer was kept beside it.
        said: What the first said: a label, or an outcome.
        shadow_said: What the second said.
    """

    served: str
    shadow: str
    said: str
    shadow_said: str


class ShadowRegister:
    """Note the answers of a shadow version."""

    def __init__(self, client: redis.Redis) -> None:
        self._scripts = Scripts(client)

    def note(self, served: Success, shadow: Success) -> bool:
        """Store a shadow's answer beside the result of its job, and count the pair.

        Args:
            served: The result that was written.
            shadow: The other version's answer to the same job.

        Returns:
            False where nothing was stored: the job is gone, or has an answer of a shadow already.
        """
        with redis_errors_translated():
            return bool(
                self._scripts.call(
                    "note_shadow",
                    served.claim.job_id,
                    served.model_version,
                    served.label,
                    shadow.model_version,
                    shadow.outcome.value,
                    shadow.label,
                    codec.encode_probabilities(shadow.probabilities),
                )
            )


def label_pairs(counts: Mapping[str, int]) -> dict[ShadowPair, int]:
    """Read from the job store's totals how often which two labels met."""
    return _pairs(counts, "shadow_label")


def outcome_pairs(counts: Mapping[str, int]) -> dict[ShadowPair, int]:
    """Read from the job store's totals how often which two outcomes met."""
    return _pairs(counts, "shadow_outcome")


def _pairs(counts: Mapping[str, int], kind: str) -> dict[ShadowPair, int]:
    split = ((name.split(" "), count) for name, count in counts.items())
    return {ShadowPair(*words[1:]): count for words, count in split if words[0] == kind}
