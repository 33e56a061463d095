"""Which sources may be opened, and that the address that was judged is the one that is opened."""

from __future__ import annotations

import pytest

from shared.errors import SourceRefused, SourceUnreachable, SourceUnsupported
from stream_service.guard import check_url
from stream_service.settings import StreamSettings

REFUSED = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fe80::1%eth0",
]


@pytest.mark.parametrize("address", REFUSED)
def test_this_machine_and_metadata_services_are_refused(address: str) -> None:
    for found in ([address], ["10.0.0.5", address], [address, "8.8.8.8"]):
        with pytest.raises(SourceRefused):
            check_url("rtsp://camera.example/", StreamSettings(), lambda _host, found=found: found)  # type: ignore[misc]


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0xa9fea9fe", "2852039166", "1.2.3", "127.1."]
)
def test_disguised_hosts_are_never_looked_up(host: str) -> None:
    def lookup(_host: str) -> list[str]:
        raise AssertionError("looked up")

    with pytest.raises(SourceRefused):
        check_url(f"rtsp://{host}/", StreamSettings(), lookup)


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("rtsp://camera.lan/live", "rtsp://10.0.0.5/live"),
        ("rtsp://admin:a%40b@camera.lan:8554/live?x=1#y", "rtsp://admin:a%40b@10.0.0.5:8554/live?x=1#y"),
        ("RTSP://Camera.Lan", "rtsp://10.0.0.5"),
        ("http://camera.lan:81/mjpeg", "http://10.0.0.5:81/mjpeg"),
        ("tcp://camera.lan:9000", "tcp://10.0.0.5:9000"),
        ("rtsps://camera.lan/live", "rtsps://camera.lan/live"),
        ("https://camera.lan/live.m3u8", "https://camera.lan/live.m3u8"),
        ("rtsp://192.168.1.7/live", "rtsp://192.168.1.7/live"),
    ],
)
def test_the_judged_address_is_opened(url: str, opened: str) -> None:
    """DNS rebinding: the name is looked up once, and no library looks it up again."""
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return ["10.0.0.5"] if len(asked) == 1 else ["127.0.0.1"]

    assert check_url(url, StreamSettings(), lookup) == opened
    assert len(asked) == 1


def test_an_ipv6_camera() -> None:
    assert check_url("rtsp://c.lan:554/a", StreamSettings(), lambda _: ["fd00::5"]) == "rtsp://[fd00::5]:554/a"


def test_an_allow_list_of_networks() -> None:
    settings = StreamSettings(stream_allow_networks=("10.0.0.0/24", "fd00::/8"))
    assert check_url("rtsp://c.lan/", settings, lambda _: ["10.0.0.5"])
    for found in (["10.0.1.5"], ["8.8.8.8"], ["10.0.0.5", "8.8.8.8"], ["2001:db8::1"]):
        with pytest.raises(SourceRefused, match="ALLOW_NETWORKS"):
            check_url("rtsp://c.lan/", settings, lambda _host, found=found: found)  # type: ignore[misc]
    allowed = StreamSettings(stream_allow_loopback=True, stream_allow_networks=("127.0.0.0/8",))
    assert check_url("rtsp://c.lan/", allowed, lambda _: ["127.0.0.1"])


@pytest.mark.parametrize("url", ["rtsp://", "rtsp:///live", "rtsp://[::1", "rtsp://a:b:c/", "rtsp://h:99999/"])
def test_no_host(url: str) -> None:
    with pytest.raises(SourceUnsupported):
        check_url(url, StreamSettings(), lambda _: ["10.0.0.5"])


def test_unknown_names() -> None:
    def fails(_host: str) -> list[str]:
        raise OSError

    for lookup in (fails, lambda _: []):
        with pytest.raises(SourceUnreachable):
            check_url("rtsp://camera.lan/", StreamSettings(), lookup)  # type: ignore[arg-type]
