"""A part of the corpus of malformed pictures against the running platform; `make corpus` sends all of it."""

from tests.corpus.campaign import IMAGE_FAULTS, Campaign
from tests.corpus.cases import cases, mutation
from tests.fixtures.stack import LocalStack


def test_malformed_pictures_are_refused_or_fail_with_a_reason_and_harm_nobody(stack: LocalStack) -> None:
    found = Campaign(stack).run(cases(mutations=350))
    assert found.faults == []
    assert found.files > 400
    # All three ends were met: otherwise the corpus tests less than it says.
    assert found.ended["succeeded"] > 50
    assert found.ended["image_too_complex"] > 0
    assert sum(found.ended[f"failed {code}"] for code in IMAGE_FAULTS) > 20
    assert found.previews["422"] > 20


def test_a_seed_makes_the_same_file_again() -> None:
    assert mutation(77, seed=3) == mutation(77, seed=3)
    assert mutation(77, seed=3).data != mutation(77, seed=4).data
