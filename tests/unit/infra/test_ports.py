"""A port that cannot be had is told with a way out."""

import socket
import threading
from collections.abc import Iterator

import pytest

from common.errors import ConfigurationError
from infra.local.part import Listener, Part
from infra.local.ports import check_ports, wait_for_ports
from tests.fixtures.redis import free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        yield holder.getsockname()[1]


def part(name: str, port: int, variable: str = "PORT", host: str = "127.0.0.1") -> Part:
    return Part(name=name, command=("x",), stop_rank=1, stop_seconds=1, listener=Listener(host, port, variable))


def test_a_port_that_a_dying_process_still_holds_is_waited_for() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        web = part("web", holder.getsockname()[1])
        wait_for_ports([web], seconds=0)
        with pytest.raises(ConfigurationError):
            check_ports([web])
        threading.Timer(0.2, holder.close).start()
        wait_for_ports([web], seconds=20)
    check_ports([web])


def test_free_ports_pass() -> None:
    check_ports([part("web", free_port()), part("flower", free_port(), "DENTIQ_FLOWER_PORT")])


def test_a_taken_port_is_named_with_its_part_and_its_variable(taken_port: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_ports([part("flower", taken_port, "DENTIQ_FLOWER_PORT")])
    message = caught.value.message
    assert f"Port {taken_port} for flower is taken" in message
    assert f"DENTIQ_FLOWER_PORT={taken_port + 1} make run" in message


def test_for_redis_the_running_one_is_offered(taken_port: int) -> None:
    with pytest.raises(ConfigurationError, match="set DENTIQ_REDIS_URL"):
        check_ports([part("redis", taken_port, "DENTIQ_LOCAL_REDIS_PORT")])


def test_all_taken_ports_are_told_at_once(taken_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        with pytest.raises(ConfigurationError) as caught:
            check_ports([part("web", taken_port), part("flower", other.getsockname()[1])])
    assert len(caught.value.message.splitlines()) == 2


def test_one_port_for_two_parts_is_refused() -> None:
    port = free_port()
    with pytest.raises(ConfigurationError, match="two parts, flower and web"):
        check_ports([part("flower", port), part("web", port)])


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1 cannot be used: EADDRNOTAVAIL"):
        check_ports([part("web", free_port(), host="192.0.2.1")])
