"""The Celery application: its configuration, its two tasks, and what happens when a process of it starts and stops."""

import logging
import os
from typing import Any, Final

from celery import Celery, signals
from kombu.entity import Exchange, Queue
from structlog import get_logger

from common.logging import configure_logging
from common.messages import ExplanationRequest, WorkHint
from common.queues import (
    CLASSIFY_TASK,
    CONSUMED_QUEUES,
    EXPLAIN_TASK,
    MAINTENANCE_QUEUE,
    SWEEP_TASK,
    broker_transport_options,
)
from common.redis_urls import celery_broker
from common.settings import Settings
from worker.hints import Hints
from worker.metrics import MetricsEndpoint
from worker.process import PoolProcess
from worker.startup import refuse_unsafe_beat, refuse_unsafe_start
from worker.webhooks.beat import start_webhooks

log = get_logger(__name__)

# A chunk takes seconds at most. A decoder or a network that hangs for two minutes never ends: the pool kills its
# process, the lease of its jobs ends, and each of them is tried alone.
_TIME_LIMIT_SECONDS: Final = 120

# Loading torch, CUDA and a network in a pool process may take this long on a cold disk; Celery's 4 s would kill it.
_START_LIMIT_SECONDS: Final = 120

# These write lines for every hint and every sweep, several a second; their warnings and errors stay.
_LOGGERS_OF_EACH_TASK: Final = ("celery.worker.strategy", "celery.app.trace", "celery.beat")


def create_app(settings: Settings) -> Celery:
    """Make the application that workers, beat and Flower share; nothing is connected yet."""
    app = Celery("dentiq", set_as_current=False)
    app.conf.update(_configuration(settings))
    process = PoolProcess(settings, Hints(app))

    def classify(**message: Any) -> None:
        process.drain(WorkHint.from_kwargs(message))

    def explain(**message: Any) -> None:
        process.explain(ExplanationRequest.from_kwargs(message))

    # A function of its own: Celery cannot make a task of a bound method.
    def sweep() -> None:
        process.sweep()

    # Celery would give a shared task to every other application of this process too.
    app.task(classify, name=CLASSIFY_TASK, shared=False)
    # A heat map that takes its process down would come back at once, ahead of all others. Whoever wants it asks again.
    app.task(explain, name=EXPLAIN_TASK, shared=False, reject_on_worker_lost=False)
    app.task(sweep, name=SWEEP_TASK, shared=False)
    _connect_signals(settings, process, MetricsEndpoint(settings.worker_metrics_bind, settings.worker_metrics_port))
    _connect_beat(settings)
    _connect_stop(process)
    return app


def _queue(name: str) -> Queue:
    # Without an exchange of its own each queue would be bound to the default one and get every message.
    exchange = Exchange(name, type="direct")  # type: ignore[no-untyped-call]  # kombu types its module, not these
    return Queue(name, exchange, routing_key=name)  # type: ignore[no-untyped-call]


def _configuration(settings: Settings) -> dict[str, Any]:
    broker = celery_broker(settings.effective_redis_url)
    return {
        **broker,
        "broker_transport_options": broker_transport_options() | broker["broker_transport_options"],
        "broker_connection_retry_on_startup": True,
        # None: never give up on a broker that is away; workers outlive a restart of Redis.
        "broker_connection_max_retries": None,
        "task_queues": [_queue(name) for name in CONSUMED_QUEUES],
        "task_create_missing_queues": False,
        "task_default_queue": MAINTENANCE_QUEUE,
        "accept_content": ["json"],
        "task_serializer": "json",
        # Results live in the job store; Celery keeps none.
        "task_ignore_result": True,
        # The hint of a process that dies comes back; leases in the job store decide what is worked on again.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_time_limit": _TIME_LIMIT_SECONDS,
        "worker_proc_alive_timeout": _START_LIMIT_SECONDS,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "beat_scheduler": "worker.schedule:BoundedScheduler",
        "beat_max_loop_interval": settings.sweep_interval_seconds,
        "beat_schedule": {
            "sweep": {
                "task": SWEEP_TASK,
                "schedule": settings.sweep_interval_seconds,
                # A sweep that waited for a worker is outdated by the next one.
                "options": {"queue": MAINTENANCE_QUEUE, "expires": 10 * settings.sweep_interval_seconds},
            }
        },
    }


def _connect_signals(settings: Settings, process: PoolProcess, endpoint: MetricsEndpoint) -> None:
    """Hook ourselves into Celery's life; `weak=False` since nothing else keeps the functions alive."""

    def log_our_way(**_: Any) -> None:
        configure_logging(level=settings.log_level, log_format=settings.log_format)
        for chatty in _LOGGERS_OF_EACH_TASK:
            logging.getLogger(chatty).setLevel(logging.WARNING)

    def check_before_the_pool_starts(**_: Any) -> None:
        refuse_unsafe_start(settings)
        endpoint.prepare()

    def show_metrics(**_: Any) -> None:
        endpoint.open()

    def stop_showing_metrics(**_: Any) -> None:
        endpoint.close()

    def start_child(**_: Any) -> None:
        # Celery would swallow the exception and keep a process that can do nothing; the pool replaces one that ends,
        # and gives up when that repeats.
        try:
            endpoint.forget_in_child()
            process.start()
        except Exception:
            log.exception("pool_process_not_started")
            os._exit(1)

    def stop_child(**_: Any) -> None:
        process.stop()

    signals.setup_logging.connect(log_our_way, weak=False)
    signals.worker_init.connect(check_before_the_pool_starts, weak=False)
    # In the parent, once its pool stands: a thread that listens must not be forked with.
    signals.worker_ready.connect(show_metrics, weak=False)
    signals.worker_shutdown.connect(stop_showing_metrics, weak=False)
    # In the pool's child, never before the fork: CUDA and the runtimes' threads do not survive one.
    signals.worker_process_init.connect(start_child, weak=False)
    signals.worker_process_shutdown.connect(stop_child, weak=False)


def _connect_beat(settings: Settings) -> None:
    """Hook ourselves into beat's start; two functions, for Celery logs what one raises and goes on to the next."""

    def check_before_the_first_message(**_: Any) -> None:
        refuse_unsafe_beat(settings)

    def send_webhooks(**_: Any) -> None:
        start_webhooks(settings)

    signals.beat_init.connect(check_before_the_first_message, weak=False)
    signals.beat_init.connect(send_webhooks, weak=False)


def _connect_stop(process: PoolProcess) -> None:
    """Tell the pool at the signal itself: Celery lets tasks under way end, and they end sooner where they know."""

    def tell_the_pool(**_: Any) -> None:
        process.stopping.set()

    signals.worker_shutting_down.connect(tell_the_pool, weak=False)
