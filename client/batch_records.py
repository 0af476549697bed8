"""What the server answers about batches, as typed records; fields that a newer server adds are kept in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from client.errors import UnexpectedAnswerError
from client.records import FINISHED, Job


@dataclass(frozen=True)
class Batch:
    """Jobs submitted together, as the server knew them at one moment.

    Attributes:
        id: Names the batch in every interface.
        name: As its maker chose it.
        state: Whether it takes images: `open` if so.
        total: Jobs submitted so far.
        counts: Jobs by status.
        labels: Answered jobs by their label.
        outcomes: Succeeded jobs by outcome.
        raw: The whole answer.
    """

    id: str
    name: str
    state: str
    total: int
    counts: Mapping[str, int]
    labels: Mapping[str, int]
    outcomes: Mapping[str, int]
    raw: Mapping[str, Any]

    @property
    def finished(self) -> int:
        """Jobs whose status is final."""
        return sum(count for status, count in self.counts.items() if status in FINISHED)

    @classmethod
    def from_answer(cls, answer: Any) -> "Batch":
        """Read a batch.

        Raises:
            UnexpectedAnswerError: The answer is not a batch.
        """
        try:
            return cls(
                id=str(answer["id"]),
                name=str(answer.get("name") or ""),
                state=str(answer["state"]),
                total=int(answer["total"]),
                counts=_counts(answer["counts"]),
                labels=_counts(answer.get("labels") or {}),
                outcomes=_counts(answer.get("outcomes") or {}),
                raw=answer,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswerError(f"The server's answer is not a batch of dentiq: {answer!r:.200}") from error


@dataclass(frozen=True)
class AcceptedImage:
    """An image that became a job."""

    id: str
    filename: str


@dataclass(frozen=True)
class RejectedImage:
    """An image that became none, and why."""

    filename: str
    code: str
    message: str


@dataclass(frozen=True)
class Addition:
    """What came of the images of one request, each list in the order of sending."""

    accepted: tuple[AcceptedImage, ...]
    rejected: tuple[RejectedImage, ...]

    @classmethod
    def from_answer(cls, answer: Any) -> "Addition":
        """Read an addition.

        Raises:
            UnexpectedAnswerError: The answer is none.
        """
        try:
            return cls(
                tuple(AcceptedImage(str(one["id"]), str(one["filename"])) for one in answer["accepted"]),
                tuple(
                    RejectedImage(str(one["filename"]), str(one["code"]), str(one["message"]))
                    for one in answer["rejected"]
                ),
            )
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswerError(f"The server's answer names no images: {answer!r:.200}") from error


@dataclass(frozen=True)
class JobPage:
    """A part of a batch's jobs; `next_cursor` is None at the end of what was submitted so far."""

    jobs: tuple[Job, ...]
    next_cursor: int | None

    @classmethod
    def from_answer(cls, answer: Any) -> "JobPage":
        """Read a page.

        Raises:
            UnexpectedAnswerError: The answer is none.
        """
        try:
            following = answer["next_cursor"]
            return cls(tuple(map(Job.from_answer, answer["jobs"])), None if following is None else int(following))
        except (KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswerError(f"The server's answer is no page of jobs: {answer!r:.200}") from error


def _counts(answer: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in answer.items()}
