"""A Python that dentiq does not support is refused in a sentence."""

import pytest

from infra.check_python import complaint


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_a_supported_python_passes(minor: int) -> None:
    assert complaint(3, minor) == ""


@pytest.mark.parametrize(("major", "minor"), [(3, 9), (3, 14), (2, 7)])
def test_another_python_is_named_with_what_to_do(major: int, minor: int) -> None:
    sentence = complaint(major, minor)
    assert f"Python {major}.{minor}" in sentence
    assert "make PYTHON=" in sentence
