"""A shadow's answer is stored once, beside a result that stands, and counted with it."""

from dataclasses import replace

import pytest

from common.jobs.record import Outcome
from common.jobs.shadows import ShadowPair, ShadowRegister, label_pairs, outcome_pairs
from tests.unit.jobs.conftest import success


@pytest.fixture
def shadows(client) -> ShadowRegister:
    return ShadowRegister(client)


@pytest.fixture
def served(store, verbs):
    verbs.submit()
    (claim,) = verbs.claim()
    report = success(claim)
    assert store.finish([report]) == [True]
    return report


def _shadow_of(served):
    return replace(success(served.claim, "ulcer"), model_version="v2", outcome=Outcome.UNCERTAIN)


def test_an_answer_is_stored_beside_the_result_and_counted_once(store, shadows, served) -> None:
    before = store.get(served.claim.job_id)
    assert shadows.note(served, _shadow_of(served))
    assert not shadows.note(served, _shadow_of(served))
    assert label_pairs(store.counts()) == {ShadowPair("v1", "v2", "caries", "ulcer"): 1}
    assert outcome_pairs(store.counts()) == {ShadowPair("v1", "v2", "answered", "uncertain"): 1}
    assert store.get(served.claim.job_id) == before


def test_a_job_without_a_result_gets_no_answer(store, verbs, shadows) -> None:
    verbs.submit()
    (claim,) = verbs.claim()
    assert not shadows.note(success(claim), _shadow_of(success(claim)))
    assert label_pairs(store.counts()) == {}


def test_an_erased_job_gets_no_answer_and_does_not_come_back(store, shadows, served, client) -> None:
    store.erase(served.claim.job_id)
    assert not shadows.note(served, _shadow_of(served))
    assert client.keys(f"*job:{served.claim.job_id}") == []


def test_a_result_of_another_version_gets_no_answer(store, shadows, served) -> None:
    assert not shadows.note(replace(served, model_version="v3"), _shadow_of(served))
    assert label_pairs(store.counts()) == {}
