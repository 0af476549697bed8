"""Which of a batch's photographs a reader wants to see, and in which order: read from the address, found by ranges."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from common.jobs.batch_ranks import FAILED, RankQuery
from common.jobs.record import Outcome
from web.pathology_texts import is_slug


class Show(str, Enum):
    """Photographs by how they ended."""

    ALL = "all"
    ANSWERED = "answered"
    UNCERTAIN = "uncertain"
    NOT_DENTAL = "not_dental"
    FAILED = "failed"


class Order(str, Enum):
    """In which order."""

    SENT = "sent"
    FALLING = "falling"
    RISING = "rising"


# From which probability of the first label on, and below which. A clinic acts on the first and looks at the last.
CONFIDENCES: Final[Mapping[str, tuple[float, float]]] = {"high": (0.9, 2.0), "middle": (0.7, 0.9), "low": (0.0, 0.7)}

_OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class BatchFilter:
    """A reader's choice.

    Attributes:
        label: Slug of the first label; empty for any.
        confidence: One of `CONFIDENCES`; empty for any.
        cursor: From the page before; empty at the beginning.
    """

    show: Show = Show.ALL
    label: str = ""
    confidence: str = ""
    order: Order = Order.SENT
    cursor: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> "BatchFilter":
        """Read a choice from an address; what is no choice stands for any."""
        shows, orders = {show.value for show in Show}, {order.value for order in Order}
        show, order, confidence = values.get("show", ""), values.get("order", ""), values.get("confidence", "")
        label = values.get("label", "")
        return cls(
            show=Show(show) if show in shows else Show.ALL,
            label=label if is_slug(label) else "",
            confidence=confidence if confidence in CONFIDENCES else "",
            order=Order(order) if order in orders else Order.SENT,
            cursor=values.get("cursor", "")[:64],
        )

    @property
    def as_sent(self) -> bool:
        """Whether it is the plain list of all that was sent."""
        return self.order is Order.SENT and self.show is Show.ALL and not self.label and not self.confidence

    @property
    def chosen(self) -> dict[str, str]:
        """What stands in the address, without the place in the list."""
        plain = BatchFilter()
        pairs = {
            "show": (self.show.value, plain.show.value),
            "label": (self.label, plain.label),
            "confidence": (self.confidence, plain.confidence),
            "order": (self.order.value, plain.order.value),
        }
        return {name: value for name, (value, usual) in pairs.items() if value != usual}

    @property
    def first_index(self) -> int:
        """Where the plain list goes on."""
        return int(self.cursor) if self.cursor.isascii() and self.cursor.isdigit() and len(self.cursor) < 16 else 0

    def at(self, cursor: str) -> "BatchFilter":
        """Give the same choice further down the list."""
        return replace(self, cursor=cursor)

    def ranks(self, groups: Mapping[str, int]) -> RankQuery:
        """Find the groups and the range of probabilities that the choice means."""
        lowest, highest = CONFIDENCES.get(self.confidence, (0.0, 2.0))
        return RankQuery(
            groups=tuple(group for group in groups if self._means(group)),
            lowest=lowest,
            highest=highest,
            falling=self.order is not Order.RISING,
            cursor=self.cursor,
        )

    def _means(self, group: str) -> bool:
        if group == FAILED:
            # It has no probability to be ordered by.
            return self.show is Show.FAILED
        outcome, _, label = group.partition(" ")
        return self.show.value in {"all", outcome} and self.label in {"", label}


def count_shows(groups: Mapping[str, int], *, total: int) -> dict[Show, int]:
    """Count the photographs that each choice of `Show` would list."""
    counts = {Show.ALL: total, Show.FAILED: groups.get(FAILED, 0)}
    for outcome in _OUTCOMES:
        counts[Show(outcome)] = sum(n for group, n in groups.items() if group.startswith(f"{outcome} "))
    return {show: counts[show] for show in Show}


def count_labels(groups: Mapping[str, int], show: Show) -> dict[str, int]:
    """Count the results of each first label, most frequent first, among those that are shown."""
    counts: dict[str, int] = {}
    for group, count in groups.items():
        outcome, _, label = group.partition(" ")
        if label and show in {Show.ALL, Show(outcome)}:
            counts[label] = counts.get(label, 0) + count
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
