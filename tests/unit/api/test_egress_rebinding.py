"""DNS rebinding against the egress guard, with a real DNS server and a real victim on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.egress import Egress, EgressFailed, EgressRefused
from shared.egress_policy import EgressPolicy
from tests.unit.api.dns import AAAA, CNAME, A, Answer, DnsServer, Resolver

PUBLIC, LOCAL = "93.184.216.34", "127.0.0.1"


class Victim:
    """What must not be reached."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.hits.append(request.path)
        if request.path == "/again":
            raise web.HTTPFound(f"http://rebind.example:{self.port}/secret")
        return web.Response(body=b"secret")


@pytest.fixture
async def victim() -> AsyncIterator[Victim]:
    made = Victim()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.handle)
    async with TestServer(app, host=LOCAL) as server:
        made.port = server.port or 0
        yield made


async def fetch(victim: Victim, answers: Sequence[Answer], path: str = "/secret", **policy: bool) -> list[int]:
    """The types that were asked for, whatever became of the fetch; raises what the guard raised."""
    dns = DnsServer(answers)
    made = EgressPolicy(schemes=frozenset({"http"}), ports=frozenset({victim.port}), timeout_s=2, **policy)  # type: ignore[arg-type]
    egress = Egress(made, Resolver(await dns.start()))
    try:
        await egress.fetch(f"http://rebind.example:{victim.port}{path}")
    finally:
        await egress.close()
        dns.stop()
        victim.hits.append(f"questions: {len(dns.questions)}")
    return dns.questions


@pytest.mark.parametrize(
    "answer",
    [
        [(A, LOCAL)],
        [(A, PUBLIC), (A, LOCAL)],
        [(A, LOCAL), (A, PUBLIC)],
        [(A, PUBLIC), (AAAA, "::1")],
        [(A, PUBLIC), (AAAA, "::ffff:127.0.0.1")],
        [(AAAA, "64:ff9b::7f00:1")],
        [(AAAA, "2002:7f00:1::")],
        [(CNAME, "localhost"), (A, LOCAL)],
        [(A, "169.254.169.254")],
        [(A, "100.64.0.1")],
        [(A, "0.0.0.0")],
    ],
)
async def test_names_that_lead_inside_are_refused(victim: Victim, answer: Answer) -> None:
    with pytest.raises(EgressRefused):
        await fetch(victim, [answer])
    assert victim.hits == ["questions: 2"]


async def test_the_second_answer_is_never_asked_for(victim: Victim) -> None:
    """Public when it is judged, loopback when it would be used: only one look-up happens, and it is the judged one."""
    with pytest.raises(EgressFailed):  # the public address cannot be reached from a test
        await fetch(victim, [[(A, PUBLIC)], [(A, LOCAL)]])
    assert victim.hits == ["questions: 2"]  # A and AAAA, once


async def test_a_redirect_is_judged_anew(victim: Victim) -> None:
    """The first hop may be reached; by the second the name leads elsewhere."""
    answers: list[Answer] = [[(A, LOCAL)], [(A, "169.254.169.254")]]
    with pytest.raises(EgressFailed):
        await fetch(victim, answers, "/again", allow_private=True)
    assert victim.hits == ["/again", "questions: 4"]


async def test_the_resolver_works(victim: Victim) -> None:
    await fetch(victim, [[(A, LOCAL)]], allow_private=True)
    assert victim.hits == ["/secret", "questions: 2"]
