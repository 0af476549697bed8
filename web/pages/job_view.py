"""A job in the words and numbers of a reader's language: what the templates show, ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask_babel import format_datetime, format_decimal

from common.jobs.record import NOT_DENTAL_LABEL, OTHER_LABEL, Job, JobStatus, Outcome, Verdict
from web.i18n import gettext, percent
from web.pages.choices import Choice
from web.pathology_texts import PathologyText, PathologyTexts
from web.representation import job_links
from web.sentences import sentence

# A picture with one of these errors has no preview.
_UNSEEN: Final = frozenset({"image_truncated", "image_corrupt", "stored_image_missing"})


@dataclass(frozen=True)
class Bar:
    """One ranked label."""

    slug: str
    name: str
    probability: float
    percent: str


@dataclass(frozen=True)
class JobView:
    """Show one job.

    Attributes:
        labels: What a correction may say.
        no_worker: Whether it waits while no worker is alive.
        has_card: Whether its model version is still in the model store.
    """

    job: Job
    texts: PathologyTexts
    language: str
    labels: Sequence[str] = ()
    no_worker: bool = False
    has_card: bool = False

    @property
    def terminal(self) -> bool:
        """Whether nothing will change any more."""
        return self.job.status.is_terminal

    @property
    def answered(self) -> bool:
        """Whether the model gave a clear answer."""
        return self.job.outcome is Outcome.ANSWERED

    @property
    def uncertain(self) -> bool:
        """Whether the model found it too close to call."""
        return self.job.outcome is Outcome.UNCERTAIN

    @property
    def correctable(self) -> bool:
        """Whether a reader can say that the answer is right or wrong."""
        return self.job.status is JobStatus.SUCCEEDED and bool(self.job.predictions)

    @property
    def picture_missing(self) -> bool:
        """Whether the picture is known to be one that nobody can decode."""
        return self.job.error is not None and self.job.error.code in _UNSEEN

    @property
    def preview(self) -> str:
        """Address of the picture."""
        return job_links(self.job.id).preview

    @property
    def top(self) -> PathologyText | None:
        """The most probable label."""
        return self.texts.get(self.job.predictions[0].label, self.language) if self.job.predictions else None

    @property
    def bars(self) -> list[Bar]:
        """All labels, most probable first."""
        return [
            Bar(
                slug=prediction.label,
                name=self.texts.get(prediction.label, self.language).name,
                probability=prediction.probability,
                percent=percent(prediction.probability, "0.0"),
            )
            for prediction in self.job.predictions
        ]

    @property
    def short(self) -> str:
        """Where the job stands, in one or two words."""
        if self.job.status is JobStatus.SUCCEEDED:
            return {
                Outcome.UNCERTAIN: gettext("Uncertain"),
                Outcome.NOT_DENTAL: gettext("Not a dental photo"),
            }.get(self.job.outcome or Outcome.ANSWERED, self.top.name if self.top else "")
        return {
            JobStatus.QUEUED: gettext("Queued"),
            JobStatus.RUNNING: gettext("Running"),
            JobStatus.FAILED: gettext("Failed"),
        }.get(self.job.status, gettext("Cancelled"))

    @property
    def headline(self) -> str:
        """Where the job stands, in one line; also what a screen reader announces."""
        job = self.job
        if job.status is JobStatus.SUCCEEDED:
            return self._outcome_headline()
        if job.status is JobStatus.QUEUED and job.position is not None:
            return gettext("Waiting: place %(position)s in the queue", position=format_decimal(job.position))
        return {
            JobStatus.QUEUED: gettext("Waiting for the next attempt"),
            JobStatus.RUNNING: gettext("The photo is being analysed"),
            JobStatus.FAILED: gettext("This photo could not be analysed"),
        }.get(job.status, gettext("This job was cancelled"))

    @property
    def failure(self) -> str:
        """Why it failed and what to do."""
        return sentence(self.job.error.code) if self.job.error else ""

    @property
    def correction(self) -> str:
        """What a reader says of the answer, in a sentence; empty where nobody has said anything."""
        kept = self.job.correction
        if kept is None:
            return ""
        if kept.verdict is Verdict.RIGHT:
            return gettext("The answer is right: %(name)s", name=self._correction_name(kept.label))
        return gettext("The photo shows: %(name)s", name=self._correction_name(kept.label))

    @property
    def correction_choices(self) -> list[Choice]:
        """What a reader may say instead of what is said now: the likeliest first, as the bars have them."""
        kept = self.job.correction
        said = kept.label if kept else None
        ranked = [prediction.label for prediction in self.job.predictions]
        labels = [label for label in dict.fromkeys([*ranked, *self.labels]) if kept or label != self.job.said_label]
        return [Choice(label, self._correction_name(label), label == said) for label in labels]

    def _correction_name(self, label: str) -> str:
        special = {OTHER_LABEL: gettext("Something else"), NOT_DENTAL_LABEL: gettext("Not a dental photo")}
        return special.get(label) or self.texts.get(label, self.language).name

    @property
    def timings(self) -> list[tuple[str, str]]:
        """Name and length of each known part of the time."""
        job = self.job
        parts = [
            (gettext("Waiting in the queue"), job.queue_seconds),
            (gettext("Reading the picture"), job.decode_seconds),
            (gettext("Computing the answer"), job.inference_seconds),
            (gettext("Total"), job.total_seconds),
        ]
        return [(name, _duration(seconds)) for name, seconds in parts if seconds is not None]

    @property
    def submitted(self) -> str:
        """When it was sent."""
        return gettext("%(instant)s UTC", instant=format_datetime(self.job.submitted_at, "medium"))

    def _outcome_headline(self) -> str:
        if self.job.outcome is Outcome.NOT_DENTAL:
            return gettext("This does not look like a photo of teeth or gums")
        if self.job.outcome is Outcome.UNCERTAIN:
            return gettext("No clear answer")
        name = self.top.name if self.top else ""
        percent = self.bars[0].percent if self.bars else ""
        return gettext("%(name)s, %(percent)s", name=name, percent=percent)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return gettext("%(number)s ms", number=format_decimal(round(seconds * 1000)))
    return gettext("%(number)s s", number=format_decimal(round(seconds, 1)))
