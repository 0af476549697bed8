"""Corrections are kept with their jobs, counted when they change something, and listed once each."""

from dataclasses import replace

import pytest
import redis

from common.errors import CorrectionInvalidError, JobNotFoundError, ResultMissingError
from common.jobs import keys
from common.jobs.corrections import CorrectionRegister
from common.jobs.record import Outcome, Verdict
from common.jobs.store import JobStore
from common.redis_client import connect
from tests.announcing_store import AnnouncingStore
from tests.unit.jobs.conftest import LABELS, Verbs, success


@pytest.fixture
def corrections(client: redis.Redis, store: JobStore) -> CorrectionRegister:
    return CorrectionRegister(client, store)


@pytest.fixture
def ended(store: JobStore, verbs: Verbs):
    """Make a job with a result of some outcome whose first label is `caries`."""

    def make(outcome: Outcome = Outcome.ANSWERED) -> str:
        (job_id,) = verbs.submit()
        (claim,) = verbs.claim()
        store.finish([replace(success(claim), outcome=outcome)])
        return job_id

    return make


VERDICTS = {
    ("caries", Outcome.ANSWERED): Verdict.RIGHT,
    ("ulcer", Outcome.ANSWERED): Verdict.WRONG,
    ("other", Outcome.ANSWERED): Verdict.WRONG,
    ("not_dental", Outcome.ANSWERED): Verdict.WRONG,
    ("caries", Outcome.NOT_DENTAL): Verdict.WRONG,
    ("not_dental", Outcome.NOT_DENTAL): Verdict.RIGHT,
    ("caries", Outcome.UNCERTAIN): Verdict.UNDECIDED,
    ("not_dental", Outcome.UNCERTAIN): Verdict.UNDECIDED,
}


@pytest.mark.parametrize(("said", "verdict"), VERDICTS.items(), ids=str)
def test_a_label_is_kept_with_what_it_says_of_the_answer(store, corrections, ended, said, verdict) -> None:
    label, outcome = said
    job_id = ended(outcome)
    assert store.get(job_id).correction is None
    corrections.correct(job_id, label)
    kept = store.get(job_id).correction
    assert (kept.label, kept.verdict) == (label, verdict)
    assert kept.corrected_at >= store.get(job_id).finished_at
    assert {name: n for name, n in store.counts().items() if name.startswith("correction ")} == {
        f"correction v1 {verdict.value}": 1
    }


def test_a_right_answer_is_confirmed_without_naming_it(store, corrections, ended) -> None:
    for outcome, label in {Outcome.ANSWERED: "caries", Outcome.NOT_DENTAL: "not_dental"}.items():
        job_id = ended(outcome)
        corrections.confirm(job_id)
        assert (store.get(job_id).correction.label, store.get(job_id).correction.verdict) == (label, Verdict.RIGHT)


def test_an_uncertain_answer_cannot_be_right(store, corrections, ended) -> None:
    job_id = ended(Outcome.UNCERTAIN)
    with pytest.raises(CorrectionInvalidError):
        corrections.confirm(job_id)
    assert store.get(job_id).correction is None


def test_a_repetition_changes_nothing_and_a_change_of_mind_counts_again(store, corrections, ended) -> None:
    job_id = ended()
    corrections.correct(job_id, "ulcer")
    first = store.get(job_id).correction
    corrections.correct(job_id, "ulcer")
    assert store.get(job_id).correction == first
    corrections.confirm(job_id)
    corrections.confirm(job_id)
    assert store.get(job_id).correction.label == "caries"
    assert (store.counts()["correction v1 wrong"], store.counts()["correction v1 right"]) == (1, 1)


def test_a_withdrawn_correction_is_gone_and_its_count_stays(store, corrections, ended) -> None:
    job_id = ended()
    corrections.correct(job_id, "ulcer")
    for _ in range(2):
        corrections.withdraw(job_id)
    assert store.get(job_id).correction is None
    assert corrections.page(count=10).jobs == ()
    assert store.counts()["correction v1 wrong"] == 1


def test_a_withdrawn_correction_is_told_to_who_asks_for_it(store, corrections, ended, client) -> None:
    ids = [ended() for _ in range(3)]
    for job_id in ids[:2]:
        corrections.correct(job_id, "ulcer")
    corrections.withdraw(ids[0])
    corrections.withdraw(ids[2])  # never corrected: nobody has its photograph
    told = corrections.page(count=10, withdrawn=True).jobs
    assert [(job.id, job.corrected_label) for job in told] == [(ids[0], None), (ids[1], "ulcer")]
    assert [job.id for job in corrections.page(count=10).jobs] == [ids[1]]
    corrections.correct(ids[0], "caries")
    assert [job.id for job in corrections.page(count=10).jobs] == ids[:2]
    corrections.withdraw(ids[0])
    store.erase(ids[0])
    assert client.zrange(keys.CORRECTIONS, 0, -1) == [ids[1]]


def test_what_is_no_label_or_has_no_result_is_refused(store, corrections, ended, verbs) -> None:
    job_id = ended()
    for label in ("", "Caries", "caries ", "unknown", "x" * 10_000):
        with pytest.raises(CorrectionInvalidError):
            corrections.correct(job_id, label)
    (queued,) = verbs.submit()
    for refused in (corrections.confirm, lambda one: corrections.correct(one, "ulcer")):
        with pytest.raises(ResultMissingError):
            refused(queued)
        with pytest.raises(JobNotFoundError):
            refused("nosuchjob")
    with pytest.raises(JobNotFoundError):
        corrections.withdraw("nosuchjob")
    assert corrections.page(count=10).jobs == ()


def test_corrected_jobs_are_listed_once_in_order_whatever_the_page(store, corrections, ended) -> None:
    ids = [ended() for _ in range(7)]
    for job_id in ids:
        corrections.correct(job_id, "ulcer")
    # A change of mind keeps the place: a reader of the list meets the job once.
    corrections.confirm(ids[0])
    for count in (1, 3, 7, 50):
        listed, cursor = [], 0
        while cursor is not None:
            page = corrections.page(cursor=cursor, count=count)
            listed += [job.id for job in page.jobs]
            cursor = page.cursor
        assert listed == ids


def test_an_erased_job_takes_its_correction_along(store, corrections, ended, client) -> None:
    kept, erased = ended(), ended()
    for job_id in (kept, erased):
        corrections.correct(job_id, "ulcer")
    store.erase(erased)
    assert [job.id for job in corrections.page(count=10).jobs] == [kept]
    assert client.zrange(keys.CORRECTIONS, 0, -1) == [kept]


def test_retention_takes_corrections_along(store, corrections, ended, client) -> None:
    corrections.correct(ended(), "ulcer")
    # Minus two hours of retention: the present hour is past it.
    while store.retire(retention_hours=-2):
        pass
    assert client.zcard(keys.CORRECTIONS) == 0
    assert corrections.page(count=10).jobs == ()


def test_a_correction_and_its_count_survive_a_killed_redis(make_redis) -> None:
    server = make_redis()
    with connect(server.url, timeout_seconds=5, max_connections=4) as client:
        store = AnnouncingStore(client)
        store.register_labels("v1", LABELS)
        (job_id,) = Verbs(store).submit()
        store.finish([success(claim) for claim in Verbs(store).claim()])
        CorrectionRegister(client, store).correct(job_id, "ulcer")
        server.kill()
        server.start()
        assert [job.correction.label for job in CorrectionRegister(client, store).page(count=10).jobs] == ["ulcer"]
        assert store.counts()["correction v1 wrong"] == 1
