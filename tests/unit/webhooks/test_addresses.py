"""Which addresses webhooks may go to, and what their secrets look like."""

import pytest
from pydantic import SecretStr

from common.errors import ConfigurationError, WebhookUrlError
from common.settings import Settings
from common.webhooks import check_webhook_url, is_public
from tests.webhook_receiver import SECRET


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "3ffe::1", "2002:808:808::", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        # IPv4 in the clothes of IPv6: mapped, 6to4, NAT64, Teredo
        *("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:4136:e378:8000:63bf:f5ff:fffe"),
        # and in clothes that Python does not know: local NAT64, compatible, translated
        *("64:ff9b:1::a00:1", "::10.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1"),
        # Outside what is given out for the internet, or for books and tests alone
        *("fec0::1", "5f00::1", "4000::1", "3fff::1", "3fff:fff::1", "2001:db8::1", "2001:2::1", "100::1"),
    ],
)
def test_an_address_of_our_side_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com", "https://example.com:8443/hook?token=1", "https://8.8.8.8/x"),
        *("https://[2606:4700::1111]/", "https://xn--exmple-cua.com/"),
    ],
)
def test_a_sound_address_is_taken_as_it_is(url: str) -> None:
    assert check_webhook_url(url, allow_private=False) == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com", "http://example.com", "https://", "https:///path", "https://[::1"),
        *("https://user:pass@example.com", "https://example.com/#x", "https://example.com:0", "https://a:99999"),
        *("https://exämple.com", "https://example.com/a b", "https://example.com/\n", "https://localhost/x"),
        *("https://127.0.0.1", "https://[::1]/", "https://10.0.0.1", "https://example.com/" + "a" * 1024, "\ud800"),
    ],
)
def test_another_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlError):
        check_webhook_url(url, allow_private=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/hook", "http://receiver.internal/", "https://10.0.0.1"])
def test_an_operator_may_allow_our_side(url: str) -> None:
    assert check_webhook_url(url, allow_private=True) == url


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET} {SECRET[:-4]}c2V0"])
def test_secrets_are_read(secret: str) -> None:
    assert Settings(webhook_secret=SecretStr(secret)).webhook_secrets == tuple(secret.split())


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_c2hvcnQ=", SECRET[6:], f"{SECRET} x", "whsec_***"])
def test_what_is_no_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env({"DENTIQ_WEBHOOK_SECRET": secret})
    assert "whsec_" in str(refused.value)
    assert "hunter2" not in str(refused.value)
