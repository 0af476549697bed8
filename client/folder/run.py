"""One run over a folder: what an earlier run left, then what is new, until each file has its row."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from client.dentiq import Dentiq
from client.folder.collecting import Collecting
from client.folder.finding import Finding
from client.folder.journal import Journal
from client.folder.portions import Portion, cut
from client.folder.sending import PortionSender, Sending
from client.folder.table import open_table
from client.folder.tally import Tally

# The status of a batch costs the server the same for any number of jobs.
_FIRST_POLL_SECONDS: Final = 0.05
_POLL_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 2.0

# A page of jobs costs the server as much as the upload of some: rows are fetched when half a page has ended, or after
# two seconds.
_ROWS_TOGETHER: Final = 50
_ROWS_SECONDS: Final = 2.0

# A portion under way at Ctrl-C is usually answered within this; if not, the next run sends it again under its key.
_GRACE_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        folder: The folder of images.
        out: The table.
        name: Of the batch, for people.
        watch: Whether to go on looking for new files.
        look_seconds: Time between two looks at a folder that is watched.
        webhook_url: Told when all images have ended.
    """

    folder: Path
    out: Path
    name: str
    watch: bool = False
    look_seconds: float = _LOOK_SECONDS
    webhook_url: str | None = None


class FolderRun:
    """Send a folder and write its table.

    Args:
        dentiq: The server.
        plan: What to do.
        journal: What was done.
        show: Called with the tally whenever it may have changed.
        pause: Waits; tests pass one that does not.
    """

    def __init__(
        self,
        dentiq: Dentiq,
        plan: Plan,
        journal: Journal,
        *,
        show: Callable[[Tally], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dentiq = dentiq
        self._plan = plan
        self._journal = journal
        self._show = show
        self._pause = pause
        self._numbers = count(journal.recorded.next_number)
        self.tally = Tally()
        self.batch_id = ""

    def run(self) -> None:
        """Go on until each file has its row, or for ever where the folder is watched.

        Raises:
            DentiqClientError: The server is away or refuses; the journal tells the next run where to go on.
            OSError: The table cannot be written.
        """
        self.batch_id = self._batch()
        models = self._dentiq.models()
        labels = next((model.labels for model in models if model.current), ())
        table = open_table(self._plan.out, labels)
        recorded = self._journal.recorded
        sender = PortionSender(self._dentiq, self._plan.folder, self.batch_id, recorded.run)
        sending = Sending(sender, self._journal)
        try:
            self._go(sending, Collecting(self._dentiq, self.batch_id, table, self.tally))
        finally:
            sending.stop(grace_seconds=_GRACE_SECONDS)
            table.close()

    def _batch(self) -> str:
        recorded = self._journal.recorded
        if recorded.batch_id is None:
            made = self._dentiq.create_batch(
                name=self._plan.name, idempotency_key=recorded.run, webhook_url=self._plan.webhook_url
            )
            recorded.batch_id = made.id
            self._journal.batch_made(recorded.batch_id)
        return recorded.batch_id

    def _go(self, sending: Sending, collecting: Collecting) -> None:
        finding = self._take_up(sending, collecting)
        looked, seen, ended, poll = time.monotonic(), 0, False, _FIRST_POLL_SECONDS
        collected = -math.inf
        self._look(finding, sending, collecting)
        while not ended or self._plan.watch:
            if self._plan.watch and time.monotonic() - looked >= self._plan.look_seconds:
                looked = time.monotonic()
                self._look(finding, sending, collecting)
            for fate in sending.take():
                collecting.settle(fate)
            # Before the batch is read: what is sent in between counts as not ended.
            idle = sending.idle
            batch = self._dentiq.batch(self.batch_id)
            ended = idle and batch.finished == batch.total
            many = batch.finished - seen >= _ROWS_TOGETHER or time.monotonic() >= collected + _ROWS_SECONDS
            if (many and batch.finished > seen) or (ended and self.tally.done < self.tally.files):
                collecting.collect(all_sent=idle)
                seen, collected = batch.finished, time.monotonic()
            if ended:
                collecting.give_up()
            self._show(self.tally)
            if not ended or self._plan.watch:
                self._pause(poll)
                poll = min(2 * poll, _POLL_SECONDS)

    def _take_up(self, sending: Sending, collecting: Collecting) -> Finding:
        """Begin with what an earlier run has left."""
        recorded = self._journal.recorded
        begun = [file for portion in recorded.portions.values() for file in portion.files]
        finding = Finding(self._plan.folder, [*(fate.file for fate in recorded.fates), *begun], self.tally)
        for fate in recorded.fates:
            collecting.settle(fate)
        recorded.fates.clear()
        for portion in recorded.portions.values():
            sending.put(portion)
        return finding

    def _look(self, finding: Finding, sending: Sending, collecting: Collecting) -> None:
        for files in cut(finding.new(settled_only=self._plan.watch)):
            sending.put(Portion(next(self._numbers), files))
        for fate in finding.unusable:
            collecting.settle(fate)
        finding.unusable.clear()
        self._show(self.tally)
