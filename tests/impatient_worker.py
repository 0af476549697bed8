"""Gunicorn's worker as in production, with less patience than a test has."""

from infra.arrivals import Patience
from infra.patient_worker import PatientWorker
from tests.web_server import IMPATIENT_SECONDS


class ImpatientWorker(PatientWorker):
    """End what takes seconds."""

    patience = Patience(
        head_seconds=2 * IMPATIENT_SECONDS,
        silence_seconds=IMPATIENT_SECONDS,
        grace_seconds=3 * IMPATIENT_SECONDS,
        slowest_rate=2000.0,
    )
