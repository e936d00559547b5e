"""Clients that ask too much are told when to come again; all others never notice."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from gateway.app import create_app
from gateway.auth.principals import ANONYMOUS, Principal
from gateway.telemetry.refusals import Load
from gateway.web.limiting import Limiter, Limiting, Rates
from tests.unit.services.memory import MemoryHealthImaging, settings
from tests.unit.web import asgi


def test_a_burst_then_the_rate_and_each_client_for_itself():
    rates = Rates(10, 5)
    assert [rates.late("a", 0.0) for _ in range(5)] == [0.0] * 5
    assert rates.late("a", 0.0) == pytest.approx(0.1)
    assert rates.late("b", 0.0) == 0.0
    assert rates.late("a", 0.1) == 0.0
    assert rates.late("a", 0.1) == pytest.approx(0.1)  # what is refused costs nothing
    assert [rates.late("a", 100.0) for _ in range(6)].count(0.0) == 5


def test_over_a_long_time_it_is_the_rate():
    rates = Rates(7, 3)
    admitted = sum(rates.late("a", at / 1000) == 0.0 for at in range(60_000))
    assert 7 * 60 <= admitted <= 7 * 60 + 3


def test_no_rate_is_no_limit_and_keeps_nothing():
    rates = Rates(0, 5)
    assert not any(rates.late("a", 0.0) for _ in range(1000))
    assert len(rates) == 0


def test_clients_are_remembered_up_to_a_number_those_in_debt_first():
    rates = Rates(1, 1, most=100)
    for at in range(1000):
        rates.late(f"client {at}", 0.001 * at)
        assert len(rates) <= 100
    assert rates.late("client 999", 1.0) > 0
    rates = Rates(1, 1, most=100)
    for at in range(1000):
        rates.late(f"client {at}", 10.0 * at)  # all but the last have paid
    assert len(rates) <= 100


def limiter(**changes):
    return Limiter(settings(**changes), Load())


def scope(peer="192.0.2.1", principal=None, **headers):
    state = {} if principal is None else {"principal": principal}
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return asgi.scope("/x", client=(peer, 1), state=state, headers=fields)


@pytest.mark.parametrize(
    ("asked", "client"),
    [
        (scope(), "192.0.2.1"),
        (scope(principal=Principal("anna", "token")), "token anna"),
        (scope(principal=ANONYMOUS), "192.0.2.1"),
        (scope(x_forwarded_for="198.51.100.7"), "192.0.2.1"),  # nobody trusts who says so
        (scope("127.0.0.1", x_forwarded_for="198.51.100.7"), "198.51.100.7"),
        (scope("127.0.0.1", x_forwarded_for="1.1.1.1, 198.51.100.7"), "198.51.100.7"),
        (scope("127.0.0.1", x_forwarded_for="198.51.100.7, 127.0.0.2"), "198.51.100.7"),
        (scope("127.0.0.1", forwarded='for="[2001:db8:1:2:3::4]:99"'), "2001:db8:1:2::/64"),
        (scope("127.0.0.1", forwarded="for=_hidden"), "127.0.0.1"),
        (scope("127.0.0.1", forwarded="for=198.51.100.7;x"), "127.0.0.1"),
        (scope("127.0.0.1", x_forwarded_for="::ffff:198.51.100.7"), "198.51.100.7"),
        (scope("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
        (asgi.scope("/x", client=None), ""),
    ],
)
def test_who_asks(asked, client):
    assert limiter().client(asked) == client


def fetch(app, target="/x", **changes):
    return asyncio.run(asgi.fetch(app, target, **changes))


async def fine(_, __, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


def test_too_many_at_a_time_of_one_client_and_of_all():
    async def scenario(peers, **changes):
        opened = asyncio.Event()

        async def slow(scope, receive, send):
            await opened.wait()
            await fine(scope, receive, send)

        found = limiter(**changes)
        app = Limiting(slow, found, lambda answer: answer)
        asked = [asyncio.ensure_future(asgi.fetch(app, "/x", client=(peer, 1))) for peer in peers]
        await asyncio.sleep(0.05)
        assert (await asgi.fetch(Limiting(fine, found, lambda a: a), "/healthz")).status_code == 200
        opened.set()
        answers = [answer.status_code for answer in await asyncio.gather(*asked)]
        again = await asgi.fetch(app, "/x", client=(peers[0], 1))
        assert (again.status_code, found.load.under_way, found._running) == (200, 0, {})
        return answers, found.load.refused

    peers = ["192.0.2.1"] * 3 + ["192.0.2.2"]
    each = asyncio.run(scenario(peers, client_concurrency=2))
    assert each == ([200, 200, 429, 200], {"concurrency": 1})
    together = asyncio.run(scenario(peers, max_requests=3))
    assert together == ([200, 200, 200, 503], {"process": 1})


def test_what_breaks_has_ended_too():
    async def broken(*_):
        raise ValueError

    found = limiter(client_concurrency=1)
    app = Limiting(broken, found, lambda answer: answer)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^$"):
            fetch(app)
    assert found.load.under_way == 0


def test_refusals_are_answers_like_all_others():
    app = create_app(settings(client_rate=1.0, client_burst=2), MemoryHealthImaging())
    origin = {"origin": "https://viewer.example"}
    answers = [fetch(app, "/dicomweb/studies", headers=origin) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert refused.headers["x-request-id"]
    assert fetch(app, "/healthz").status_code == 200
    assert 'gateway_requests_refused_total{reason="rate"} 1.0' in fetch(app, "/metrics").text


def test_answers_at_hand_count_once():
    found = limiter(client_rate=1.0, client_burst=3)
    given = found.ready(lambda _: (b"at hand",))
    assert [given(scope()) for _ in range(4)] == [(b"at hand",)] * 3 + [None]
    found = limiter(client_rate=1.0, client_burst=3)
    nothing, app = found.ready(lambda _: None), Limiting(fine, found, lambda answer: answer)

    async def asked():
        request = scope()
        assert nothing(request) is None
        return asgi.answer(await asgi.drive(app, request)).status_code

    assert [asyncio.run(asked()) for _ in range(4)] == [200, 200, 200, 429]


def test_without_limits_answers_at_hand_cost_nothing():
    def given(_):
        return None

    assert limiter().ready(given) is given


def test_what_a_process_has_to_do_is_told():
    registry = CollectorRegistry()
    load = Load(under_way=3)
    load.refuse("rate")
    registry.register(load)
    assert registry.get_sample_value("gateway_requests_under_way") == 3
    assert registry.get_sample_value("gateway_requests_refused_total", {"reason": "rate"}) == 1
