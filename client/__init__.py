"""The Python client and the command line of dentiq: HTTP only, nothing of the servers.

from client import Dentiq

with Dentiq("http://127.0.0.1:5000") as dentiq:
    job = dentiq.wait(dentiq.submit(Path("tooth.jpg").read_bytes(), filename="tooth.jpg").id)
    print(job.best)
"""

from client.batch_records import AcceptedImage, Addition, Batch, JobPage, RejectedImage
from client.dentiq import Dentiq
from client.errors import (
    DentiqClientError,
    RequestRefusedError,
    ServerUnreachableError,
    StillRunningError,
    UnexpectedAnswerError,
)
from client.records import Job, Model, Prediction
from client.retries import RequestRetries

__all__ = [
    "AcceptedImage",
    "Addition",
    "Batch",
    "Dentiq",
    "DentiqClientError",
    "Job",
    "JobPage",
    "Model",
    "Prediction",
    "RejectedImage",
    "RequestRefusedError",
    "RequestRetries",
    "ServerUnreachableError",
    "StillRunningError",
    "UnexpectedAnswerError",
]
