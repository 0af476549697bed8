"""A batch in the words and numbers of a reader's language: what the templates show, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from flask import url_for
from flask_babel import format_datetime, format_decimal, format_timedelta

from common.jobs.batches import Batch, BatchState
from common.jobs.record import JobStatus
from web.batch_representation import BatchLinksDocument, batch_links
from web.i18n import gettext, ngettext
from web.pages.batch_filter import BatchFilter, Order, Show, count_labels, count_shows
from web.pages.choices import Choice
from web.pathology_texts import PathologyTexts

# An open batch whose photographs have all ended may still grow: its page looks again for this long.
_QUIET_SECONDS = 60.0


@dataclass(frozen=True)
class BatchView:
    """Show one batch.

    Attributes:
        groups: Results by outcome and label, as `BatchRanks.groups` counts them.
        no_worker: Whether it waits while no worker is alive.
    """

    batch: Batch
    groups: Mapping[str, int]
    chosen: BatchFilter
    texts: PathologyTexts
    language: str
    no_worker: bool = False

    @property
    def title(self) -> str:
        """Its name, or when it was made."""
        return self.batch.name or gettext("Batch of %(instant)s", instant=self.created)

    @property
    def created(self) -> str:
        """When it was made."""
        return gettext("%(instant)s UTC", instant=format_datetime(self.batch.created_at, "medium"))

    @property
    def done(self) -> bool:
        """Whether everything that was submitted so far has ended."""
        return self.batch.ended == self.batch.total and self.batch.total > 0

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be expected: the page stops asking."""
        if self.batch.ended < self.batch.total:
            return False
        if self.batch.state is BatchState.CANCELLED:
            return True
        latest = self.batch.latest_at or self.batch.created_at
        return (datetime.now(timezone.utc) - latest).total_seconds() > _QUIET_SECONDS

    @property
    def cancelled(self) -> bool:
        """Whether it takes no more photographs."""
        return self.batch.state is BatchState.CANCELLED

    @property
    def headline(self) -> str:
        """Where it stands, in one line; also what a screen reader announces when it has ended."""
        if not self.batch.total:
            return gettext("No photo has arrived yet")
        if self.cancelled:
            return gettext("Cancelled")
        if self.done:
            return ngettext(
                "The photo is analysed",
                "All %(total)s photos are analysed",
                self.batch.total,
                total=format_decimal(self.batch.total),
            )
        return ngettext(
            "%(ended)s of %(total)s photo analysed",
            "%(ended)s of %(total)s photos analysed",
            self.batch.total,
            ended=format_decimal(self.batch.ended),
            total=format_decimal(self.batch.total),
        )

    @property
    def pace(self) -> str:
        """How fast it goes and how long it takes still; empty while nobody knows, and at the end."""
        rate, left = self.batch.images_per_second, self.batch.seconds_left
        if self.done or rate is None or left is None or left < 1:
            return ""
        return gettext(
            "%(rate)s photos a second, about %(time)s left",
            rate=format_decimal(round(rate, 1)),
            time=format_timedelta(timedelta(seconds=left), threshold=1.2),
        )

    @property
    def standing(self) -> str:
        """Changes whenever a photograph of the page may stand otherwise than before."""
        return f"{self.batch.ended}-{self.batch.counts[JobStatus.RUNNING]}-{self.batch.total}"

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """Slug, name and number of each way to stand that some photograph has."""
        counts = self.batch.counts
        shown = count_shows(self.groups, total=self.batch.total)
        facts = [
            ("queued", gettext("Queued"), counts[JobStatus.QUEUED]),
            ("running", gettext("Running"), counts[JobStatus.RUNNING]),
            ("answered", gettext("Answered"), shown[Show.ANSWERED]),
            ("uncertain", gettext("Uncertain"), shown[Show.UNCERTAIN]),
            ("not_dental", gettext("Not a dental photo"), shown[Show.NOT_DENTAL]),
            ("failed", gettext("Failed"), counts[JobStatus.FAILED]),
            ("cancelled", gettext("Cancelled"), counts[JobStatus.CANCELLED]),
        ]
        return [(slug, name, str(format_decimal(count))) for slug, name, count in facts if count]

    @property
    def shows(self) -> list[Choice]:
        """Values of the first filter, with their numbers."""
        names = {
            Show.ALL: gettext("All photos"),
            Show.ANSWERED: gettext("Answered"),
            Show.UNCERTAIN: gettext("Uncertain"),
            Show.NOT_DENTAL: gettext("Not a dental photo"),
            Show.FAILED: gettext("Failed"),
        }
        counts = count_shows(self.groups, total=self.batch.total)
        return [
            Choice(show.value, _counted(names[show], count), show is self.chosen.show) for show, count in counts.items()
        ]

    @property
    def labels(self) -> list[Choice]:
        """Values of the filter by label, with their numbers; the chosen one always, so that it can be seen."""
        counts = {**dict.fromkeys(filter(None, [self.chosen.label]), 0), **count_labels(self.groups, self.chosen.show)}
        named = [
            Choice(slug, _counted(self.texts.get(slug, self.language).name, count), slug == self.chosen.label)
            for slug, count in counts.items()
        ]
        return [Choice("", gettext("Any"), not self.chosen.label), *named]

    @property
    def confidences(self) -> list[Choice]:
        """Values of the filter by confidence."""
        names = {
            "": gettext("Any"),
            "high": gettext("90% and more"),
            "middle": gettext("70% to 90%"),
            "low": gettext("Below 70%"),
        }
        return [Choice(value, name, value == self.chosen.confidence) for value, name in names.items()]

    @property
    def orders(self) -> list[Choice]:
        """Values of the order."""
        names = {
            Order.SENT: gettext("As sent"),
            Order.FALLING: gettext("Surest first"),
            Order.RISING: gettext("Least sure first"),
        }
        return [Choice(order.value, name, order.value == self.order) for order, name in names.items()]

    @property
    def order(self) -> str:
        """The order that is shown: what is filtered comes in the order of confidence."""
        by_confidence = self.chosen.order is Order.SENT and not self.chosen.as_sent
        return (Order.FALLING if by_confidence else self.chosen.order).value

    @property
    def links(self) -> BatchLinksDocument:
        """Where its results are exported."""
        return batch_links(self.batch.id)

    def address(self, endpoint: str, cursor: str = "") -> str:
        """Give an address of this batch with the reader's choice."""
        values: dict[str, Any] = {"batch_id": self.batch.id, **self.chosen.chosen}
        return url_for(endpoint, **(values | {"cursor": cursor} if cursor else values))


def _counted(name: str, count: int) -> str:
    return gettext("%(name)s (%(count)s)", name=name, count=format_decimal(count))
