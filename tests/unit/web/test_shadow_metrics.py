"""What `/metrics` of web shows of a shadow version, and that the API shows nothing of it."""

from common.jobs.record import Outcome, Success
from common.jobs.shadows import ShadowRegister
from common.redis_client import connect
from tests.fake_worker import VERSION


def test_agreement_is_counted_by_the_label_that_served_and_no_job_shows_it(
    api, client, worker, settings, make_image
) -> None:
    shown = [api.accepted(make_image(width=70 + number)) for number in range(3)]
    claims = worker.claim()
    worker.succeed(claims)
    before = [api.read(job["id"]).get_json() for job in shown]
    with connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=2) as redis:
        for claim, label in zip(claims, ("caries", "caries", "ulcer"), strict=True):
            served = Success(claim, VERSION, Outcome.ANSWERED, "caries", (1.0,), 0.001, 0.001)
            shadow = Success(claim, "v9", Outcome.ANSWERED, label, (1.0,), 0.001, 0.001)
            assert ShadowRegister(redis).note(served, shadow)
    text = client.get("/metrics").get_data(as_text=True)
    pair = f'{{agreement="%s",label="caries",model_version="{VERSION}",shadow_version="v9"}}'
    assert f"dentiq_shadow_answers_total{pair % 'same'} 2.0" in text
    assert f"dentiq_shadow_answers_total{pair % 'other'} 1.0" in text
    assert [api.read(job["id"]).get_json() for job in shown] == before
