"""What the server answers, as typed records; fields that a newer server adds are kept in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from client.errors import UnexpectedAnswerError

FINISHED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class Prediction:
    """One label and its calibrated probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Job:
    """One image submitted, as the server knew it at one moment.

    Attributes:
        id: Names the job in every interface.
        status: queued, running, succeeded, failed or cancelled.
        outcome: answered, uncertain or not_dental; None without a result.
        predictions: All labels, the most probable first; empty without a result.
        model_version: The model that made the result.
        filename: Name that the image was sent under.
        position: Place in the queue, where it is known.
        error_code: Why it failed, as a slug.
        error_message: Why it failed, as a sentence.
        corrected_label: What a reader says that the photograph shows; None where nobody has said anything.
        disclaimer: What a result is not.
        raw: The whole answer.
    """

    id: str
    status: str
    outcome: str | None
    predictions: tuple[Prediction, ...]
    model_version: str | None
    filename: str | None
    position: int | None
    error_code: str | None
    error_message: str | None
    corrected_label: str | None
    disclaimer: str
    raw: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        """Whether its status is final."""
        return self.status in FINISHED

    @property
    def best(self) -> Prediction | None:
        """The most probable label."""
        return self.predictions[0] if self.predictions else None

    @classmethod
    def from_answer(cls, answer: Any) -> "Job":
        """Read a job.

        Raises:
            UnexpectedAnswerError: The answer is not a job.
        """
        try:
            error = answer.get("error") or {}
            return cls(
                id=str(answer["id"]),
                status=str(answer["status"]),
                outcome=answer.get("outcome"),
                predictions=tuple(
                    Prediction(str(entry["label"]), float(entry["probability"]))
                    for entry in answer.get("predictions") or ()
                ),
                model_version=answer.get("model_version"),
                filename=answer.get("filename"),
                position=answer.get("position"),
                error_code=error.get("code"),
                error_message=error.get("message"),
                corrected_label=(answer.get("correction") or {}).get("label"),
                disclaimer=str(answer.get("disclaimer") or ""),
                raw=answer,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswerError(f"The server's answer is not a job of dentiq: {answer!r:.200}") from error


@dataclass(frozen=True)
class Model:
    """One model version that the server knows.

    Attributes:
        version: Names it.
        current: Whether it serves new jobs.
        labels: What it tells apart.
        raw: The whole entry.
    """

    version: str
    current: bool
    labels: tuple[str, ...]
    raw: Mapping[str, Any]

    @classmethod
    def list_from_answer(cls, answer: Any) -> list["Model"]:
        """Read the list of models.

        Raises:
            UnexpectedAnswerError: The answer is not such a list.
        """
        try:
            return [
                cls(
                    version=str(entry["version"]),
                    current=bool(entry["current"]),
                    labels=tuple(map(str, entry["labels"])),
                    raw=entry,
                )
                for entry in answer["models"]
            ]
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswerError(f"The server's answer is no list of models: {answer!r:.200}") from error
