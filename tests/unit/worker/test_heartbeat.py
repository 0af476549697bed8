"""While the heartbeat beats, leases hold and the worker is on the register."""

from common.jobs.record import NewJob, WorkerInfo, new_job_id
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.queues import QueueName
from common.redis_client import connect
from tests.announcing_store import AnnouncingStore
from tests.waiting import wait_until
from worker.heartbeat import Heartbeat

LABELS = ("caries", "healthy")
WORKER = WorkerInfo("host:1", "v1", "onnx", "cpu")


def test_a_worker_is_on_the_register_from_its_start_to_its_stop(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        register = WorkerRegister(client)
        heartbeat = Heartbeat(JobStore(client), register, lease_seconds=1)
        heartbeat.serve(WORKER, LABELS)
        assert wait_until(register.alive, what="the worker on the register") == [WORKER]
        heartbeat.stop()
        assert register.alive() == []


def test_a_worker_that_changes_its_model_says_so(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        register = WorkerRegister(client)
        heartbeat = Heartbeat(JobStore(client), register, lease_seconds=0.4)
        heartbeat.serve(WORKER, LABELS)
        wait_until(register.alive, what="the worker on the register")
        changed = WorkerInfo("host:1", "v2", "onnx", "cpu")
        heartbeat.serve(changed, ("caries", "fluorosis"))
        wait_until(lambda: register.alive() == [changed], what="the new version on the register")
        heartbeat.stop()


def test_a_worker_that_dies_leaves_the_register_by_itself(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        register = WorkerRegister(client)
        register.renew(WORKER, life_seconds=0.1)
        wait_until(lambda: register.alive() == [], what="the end of the entry")


def test_the_lease_of_a_long_chunk_is_kept_alive_and_ends_after_it(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        store = AnnouncingStore(client)
        store.create([NewJob(new_job_id(), QueueName.BULK, "x.jpg")])
        heartbeat = Heartbeat(store, WorkerRegister(client), lease_seconds=0.4)
        heartbeat.serve(WORKER, LABELS)
        claims = store.claim({QueueName.BULK: 1}, lease_seconds=0.4)
        first_end = client.zscore("dentiq:running", claims[0].job_id)
        with heartbeat.holding(claims):
            wait_until(lambda: client.zscore("dentiq:running", claims[0].job_id) > first_end, what="a renewed lease")
            assert store.repair(max_attempts=3).requeued == 0
        wait_until(lambda: store.repair(max_attempts=3).requeued == 1, what="the end of the lease")
        heartbeat.stop()


def test_a_replaced_redis_gets_the_labels_and_the_worker_again(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        register = WorkerRegister(client)
        heartbeat = Heartbeat(JobStore(client), register, lease_seconds=0.4)
        heartbeat.serve(WORKER, LABELS)
        wait_until(register.alive, what="the worker on the register")
        client.flushall()
        wait_until(register.alive, what="the worker on the register again")
        assert JobStore(client).known_labels() == list(LABELS)
        heartbeat.stop()


def test_an_unforeseen_error_does_not_end_the_beat(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        register = WorkerRegister(client)
        client.set("dentiq:labels", "not a hash")  # as nobody foresaw: every beat fails with WRONGTYPE
        heartbeat = Heartbeat(JobStore(client), register, lease_seconds=0.2)
        heartbeat.serve(WORKER, LABELS)
        wait_until(
            lambda: client.info("commandstats").get("cmdstat_hset", {}).get("failed_calls"), what="a failed beat"
        )
        client.delete("dentiq:labels")
        wait_until(register.alive, what="the worker on the register")
        heartbeat.stop()
