"""The client sends its key with every request, to its server alone."""

import httpx
import pytest

from client.dentiq import Dentiq
from client.errors import DentiqClientError


def test_the_key_goes_with_each_request() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"models": [], "workers": []})

    with Dentiq(api_key="dentiq_x_y", transport=httpx.MockTransport(answer)) as dentiq:
        dentiq.models()
    with Dentiq(transport=httpx.MockTransport(answer)) as dentiq:
        dentiq.models()
    assert seen == ["Bearer dentiq_x_y", None]


@pytest.mark.parametrize("broken", ["dentiq_x\r\nX-Evil: 1", "with space", "é"])
def test_what_is_no_key_is_not_sent(broken: str) -> None:
    with pytest.raises(DentiqClientError, match="no key has"):
        Dentiq(api_key=broken)
