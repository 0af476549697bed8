"""What is known of a run at one moment, for people and programs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from client.filenames import readable
from client.report import Submission

# Names of skipped files that are shown: enough to see what they are.
_SHOWN: Final = 10


@dataclass
class Tally:
    """Counts of files.

    Attributes:
        files: Images found.
        sent: Of these, answered by the server, or known to be unreadable.
        statuses: Rows by status; `rejected` are those without a job.
        labels: Answered ones by their label.
        outcomes: Results by outcome.
        skipped: Files that are no images.
    """

    files: int = 0
    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Rows written."""
        return self.statuses.total()

    @property
    def failed(self) -> int:
        """Rows without a result."""
        return self.done - self.statuses["succeeded"]

    def count(self, row: Submission) -> None:
        """Take in a row."""
        self.statuses[row.status] += 1
        if row.job is not None and row.succeeded:
            self.outcomes[row.job.outcome or ""] += 1
            if row.job.best and row.job.outcome == "answered":
                self.labels[row.job.best.label] += 1

    def skipped_names(self) -> list[str]:
        """The first of the skipped files."""
        return [readable(file) for file in list(self.skipped)[:_SHOWN]]

    def as_json(self) -> dict[str, Any]:
        """The counts for a program."""
        return {
            "files": self.files,
            **{status: self.statuses[status] for status in ("succeeded", "failed", "cancelled", "rejected")},
            "skipped": len(self.skipped),
            "skipped_files": self.skipped_names(),
            "labels": dict(self.labels),
            "outcomes": dict(self.outcomes),
        }
