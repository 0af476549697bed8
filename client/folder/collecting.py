"""Reading finished jobs page by page, and a row for each file, once."""

from client.dentiq import Dentiq
from client.filenames import readable
from client.folder.portions import Fate
from client.folder.table import Table
from client.folder.tally import Tally
from client.records import Job
from client.report import Submission


class Collecting:
    """Write the row of each file as soon as what became of it is known.

    Jobs end roughly in the order of submission, so reading goes on at the first unfinished job: memory holds one page,
    and the names of the files that have no row yet.
    """

    def __init__(self, dentiq: Dentiq, batch_id: str, table: Table, tally: Tally) -> None:
        self._dentiq = dentiq
        self._batch_id = batch_id
        self._table = table
        self._tally = tally
        self._files: dict[str, str] = {}
        self._cursor = 0
        self._written: set[str] = set()

    def settle(self, fate: Fate) -> None:
        """Expect the job of a file, or write at once why it has none."""
        self._tally.sent += 1
        if fate.job_id is not None:
            self._files[fate.job_id] = fate.file
        else:
            self._write(Submission(readable(fate.file), None, fate.error_code, fate.error_message))

    def collect(self, *, all_sent: bool) -> None:
        """Write the rows of jobs that have ended.

        Args:
            all_sent: Whether the files of all jobs are known by now; a job of another sender holds up nothing then.
        """
        cursor: int | None = self._cursor
        while cursor is not None:
            page = self._dentiq.batch_job_page(self._batch_id, cursor=cursor)
            settled = [self._settled(job, all_sent=all_sent) for job in page.jobs]
            cursor = page.next_cursor if all(settled) else None
            # What has its row is not read again; where an erased job is missing from the page, a little of it is.
            leading = settled.index(False) if cursor is None and False in settled else len(settled)
            self._cursor = self._cursor + leading if cursor is None else cursor
            self._written &= {job.id for job in page.jobs}
        self._table.flush()

    def give_up(self) -> None:
        """Write a row for each job that the server has erased meanwhile."""
        for file in self._files.values():
            self._write(
                Submission(readable(file), None, "job_erased", "Its job was erased before its result was read.")
            )
        self._files.clear()
        self._table.flush()

    def _settled(self, job: Job, *, all_sent: bool) -> bool:
        if job.id in self._written:
            return True
        if job.id not in self._files:
            return all_sent
        if not job.finished:
            return False
        file = readable(self._files.pop(job.id))
        self._write(Submission(file, job, job.error_code, job.error_message))
        self._written.add(job.id)
        return True

    def _write(self, row: Submission) -> None:
        self._table.write(row)
        self._tally.count(row)
