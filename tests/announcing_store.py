"""A job store for tests that make jobs without the steps before."""

from collections.abc import Sequence
from typing import Any

from common.jobs.record import Accepted, NewJob
from common.jobs.store import JobStore


class AnnouncingStore(JobStore):
    """Announce the images of new jobs, as web does before it stores them: without that no job is made."""

    def create(self, jobs: Sequence[NewJob], **options: Any) -> Accepted:
        self.announce_uploads([job.id for job in jobs], grace_seconds=3600)
        return super().create(jobs, **options)
