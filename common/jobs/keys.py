"""Names of the job store's keys in Redis: the one place that knows how records are laid out."""

from typing import Final

PREFIX: Final = "dentiq:"

# hash: one record a job, in fields of at most 64 bytes where possible (Redis then packs the hash into one block)
JOB: Final = PREFIX + "job:"
# zset a queue: waiting job ids by submission time; gives order, depth, place in the queue and age of the oldest
QUEUE: Final = PREFIX + "queue:"
# zset: job ids by the instant at which their lease ends
RUNNING: Final = PREFIX + "running"
# zset: job ids that wait for their next attempt, by the instant at which they may run
DELAYED: Final = PREFIX + "delayed"
# zset: stored images that no record owns (not yet, or no more), by the instant at which they may be erased
ERASURES: Final = PREFIX + "erasures"
# zset: jobs of which a preview or heat map is being stored, or whose image came too late, by the instant at which it is
# looked whether there is a record. Apart from the erasures: one that is carried out meanwhile says nothing about a file
# that comes later
DERIVED: Final = PREFIX + "derived"
# list an hour: ids of the jobs submitted in it; zset of the hours that have a list
HOUR: Final = PREFIX + "hour:"
HOURS: Final = PREFIX + "hours"
# hash: totals since the store was made: submitted, the terminal statuses, "label VERSION LABEL", "outcome VERSION
# OUTCOME", "error CODE", "webhook STATE", lease_expired, postponed; "shadow_label SERVED SHADOW LABEL LABEL" and
# "shadow_outcome SERVED SHADOW OUTCOME OUTCOME": what both versions said of the same job; "correction VERSION VERDICT"
COUNTS: Final = PREFIX + "counts"
# hash a batch: its name and state, and counts by status, label and outcome; list a batch: its job ids as submitted
BATCH: Final = PREFIX + "batch:"
BATCH_JOBS: Final = PREFIX + "batchjobs:"
# zset a batch and group of results ("OUTCOME LABEL", or "failed"): its job ids by probability, then as submitted
BATCH_RANK: Final = PREFIX + "batchrank:"
# zset: jobs that are corrected, or were until that was taken back, by the instant of the first; no two share one
CORRECTIONS: Final = PREFIX + "corrections"
# hash: batches whose jobs are being cancelled or erased, until the last portion is done
CLOSING: Final = PREFIX + "closing"
# zset: webhooks to be sent, by the instant at which they are due; hash a webhook, by the id of its job, or its batch's
# and a number: where it goes, what it tells of, its attempts
WEBHOOKS: Final = PREFIX + "webhooks"
DELIVERY: Final = PREFIX + "delivery:"
# zset a receiver (host and port): its webhooks, by the same instants; zset of the receivers, by the first of theirs
RECEIVER: Final = PREFIX + "receiver:"
RECEIVERS: Final = PREFIX + "receivers"
# hash: model version -> JSON list of its labels, kept as long as results may name the version
LABELS: Final = PREFIX + "labels"
# set of worker names; string a worker with a time to live
WORKERS: Final = PREFIX + "workers"
WORKER: Final = PREFIX + "worker:"
# zset: worker processes that wait at the job store for something to do, by the instant until which they do; list a
# process, for a few seconds: that it is wanted
IDLE: Final = PREFIX + "idle"
WANTED: Final = PREFIX + "wanted:"
# hash a used Idempotency-Key, with a time to live
IDEMPOTENCY: Final = PREFIX + "idempotency:"
# string, for a minute: what a claim answered, by the token of its sender
CLAIM: Final = PREFIX + "claim:"
# hash: API key id -> second of its last use
KEY_USES: Final = PREFIX + "keyuses"
# string a signed-in browser, by the digest of its cookie, with a time to live: the id of its API key
SESSION: Final = PREFIX + "session:"
# prefix of the counters of requests, each with a time to live of two minutes
RATES: Final = PREFIX + "rates"
# channel: ids of jobs that have just ended, separated by spaces
FINISHED_CHANNEL: Final = PREFIX + "finished"
