"""Two gateways as one: what holds across replicas, and what clients behind a plain balancer notice of a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_shared import COST, TOKEN, a_place, at_once, chat, codes
from tests.support.formats import CHAT
from tests.support.rawclient import Answer, ask, connected, head
from tests.system.replicas import Clients, Cluster, Replica, a_cluster, until

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def cluster(postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with a_cluster(a_place(postgres, valkey, tmp_path_factory.mktemp("replicas"))) as made:
        yield made


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


def test_limits_hold_in_sum(cluster: Cluster) -> None:
    rated = cluster.cli("keys", "create", "--workspace", "default", "--rate", "1", "--burst", "5")["key"]
    answers = codes(at_once(12, lambda: chat(cluster.url, rated)))
    assert (answers.count("ok"), answers.count("rate_limit_exceeded")) == (5, 7)


def test_budgets_hold_in_sum(cluster: Cluster) -> None:
    """Credits for less than one request hold: of many at once one is let in, wherever it comes to."""
    cluster.cli("workspaces", "create", "poor", "--credits", "0.001")
    key = cluster.cli("keys", "create", "--workspace", "poor")["key"]
    answers = codes(at_once(20, lambda: chat(cluster.url, key, "slow/lasting-chat")))
    assert (answers.count("ok"), answers.count("insufficient_credits")) == (1, 19)
    assert cluster.cli("workspaces", "show", "poor")["balance_micro_usd"] == str(1000 - COST // 10**6)


def test_what_one_holds_the_other_knows(cluster: Cluster) -> None:
    first, second = cluster.replicas
    cluster.cli("workspaces", "create", "held", "--credits", "1")
    key = cluster.cli("keys", "create", "--workspace", "held")["key"]

    def held() -> float:
        return float(ask(second.url, "GET", "/api/v1/key", bearer(key)).document["data"]["held"])

    assert held() == 0
    body = json.dumps(CHAT.body("slow/endless-chat", "request held please", stream=True)).encode()
    with connected(first.url) as connection:
        connection.send(head("POST", CHAT.path, {**bearer(key), "content-length": str(len(body))}) + body)
        connection.until(b"data: ")
        assert held() > 0
    until(lambda: held() == 0)


def test_what_is_done_at_one_holds_at_the_other(cluster: Cluster) -> None:
    first, second = cluster.replicas
    made = cluster.admin(first, "POST", "keys", {"workspace": "default", "name": "short-lived"})
    assert [codes([chat(each.url, made["key"])]) for each in (second, first)] == [["ok"], ["ok"]]
    cluster.admin(first, "POST", "keys/revoke", {"key": made["id"]})
    assert codes([chat(first.url, made["key"])]) == ["invalid_api_key"]
    # The other hears of it moments later.
    until(lambda: codes([chat(second.url, made["key"])]) == ["invalid_api_key"], 2)


def test_a_one_time_key_of_one_is_used_once_at_either(cluster: Cluster) -> None:
    first, second = cluster.replicas
    workspace = cluster.cli("workspaces", "show", "default")["id"]
    body = json.dumps({"workspace_id": workspace, "user_id": "somebody"}).encode()
    headers = {"x-internal-token": TOKEN, "content-type": "application/json"}
    key = ask(first.url, "POST", "/api/v1/playground-keys", headers, body).document["key"]
    answers = at_once(8, lambda: chat(cluster.url, key))
    assert sorted(codes(answers)) == ["invalid_api_key"] * 7 + ["ok"]
    used = next(answer for answer in answers if answer.status == 200).headers["x-request-id"]
    for replica in (first, second):
        found = ask(replica.url, "GET", f"/api/v1/generation?id={used}", bearer(key))
        assert (found.status, found.document["data"]["status"]) == (200, "completed")


def test_a_session_of_the_console_holds_at_both(cluster: Cluster) -> None:
    path = "/console/api/session"

    def sign_in(replica: Replica, token: str) -> Answer:
        body = json.dumps({"token": token}).encode()
        return ask(replica.url, "POST", path, {"content-type": "application/json"}, body)

    def at_both(signed_in: Answer) -> list[int]:
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        found = [ask(each.url, "GET", path, {"cookie": cookie}) for each in cluster.replicas]
        assert all(each.document["csrf"] == signed_in.document["csrf"] for each in found if each.status == 200)
        return [each.status for each in found]

    first, second = cluster.replicas
    token = cluster.cli("console", "token")["token"]
    one, other = sign_in(first, token), sign_in(second, token)
    assert (at_both(one), at_both(other)) == ([200] * 2, [200] * 2)
    headers = {"cookie": one.headers["set-cookie"].partition(";")[0], "x-csrf-token": one.document["csrf"]}
    assert ask(second.url, "DELETE", path, headers).status == 204
    assert (at_both(one), at_both(other)) == ([401] * 2, [200] * 2)
    newer = cluster.admin(first, "POST", "console/token")["token"]
    assert at_both(other) == [401] * 2
    assert [sign_in(each, token).status for each in cluster.replicas] == [401] * 2
    assert at_both(sign_in(second, newer)) == [200] * 2


def test_the_ledger_is_what_clients_saw(cluster: Cluster) -> None:
    clients = Clients(cluster.url)
    before = set(cluster.rows())
    with clients.asking():
        clients.until_seen(60)
    assert not [*clients.broken, *clients.refused, *clients.again]
    assert set(cluster.rows()) - before == set(clients.seen)
    cluster.check_books(clients.seen)


def test_a_rolling_restart_is_noticed_by_nobody(cluster: Cluster) -> None:
    clients = Clients(cluster.url)
    with clients.asking():
        for replica in cluster.replicas:
            clients.until_seen(20)
            replica.drain()
            assert not list(replica.journals.glob("*.journal"))  # it owes nothing
            clients.until_seen(20)  # by the other alone
            replica.begin()
            replica.until_ready()
        clients.until_seen(20)
    assert not [*clients.broken, *clients.refused]
    # Whose connection was let in, and whose request then came later than the drain, asks again: once.
    assert len(clients.again) <= len(cluster.replicas) * clients.count
    cluster.check_books(clients.seen)


def test_a_replica_that_dies_takes_only_its_own_requests_with_it(cluster: Cluster) -> None:
    doomed, other = cluster.replicas
    behind, direct = Clients(cluster.url), Clients(other.url, 3)
    with behind.asking(), direct.asking():
        behind.until_seen(20)
        doomed.kill()
        behind.until_seen(20)
        direct.until_seen(20)
    assert not [*direct.broken, *direct.again]
    assert not [*behind.refused, *direct.refused]
    # One request of each client at most, the one that it had there.
    cut = [number for number, _ in (*behind.broken, *behind.again)]
    assert len(cut) == len(set(cut))
    cluster.check_books({**behind.seen, **direct.seen})

    # What it held is held until its lease runs out. It does now, and whoever sweeps looks into the ledger.
    for leases in cluster.valkey.run("KEYS", "hi:*:leases"):
        for request in cluster.valkey.run("ZRANGE", leases, 0, -1):
            cluster.valkey.run("ZADD", leases, "XX", 0, request)
    doomed.begin()
    doomed.until_ready()
    until(lambda: not cluster.valkey.run("KEYS", "hi:*:holds"), 40)
    rows = cluster.rows()
    assert {row["status"] for row in rows.values()} <= {"completed", "interrupted", "cancelled"}
    assert all(row["cost"] == 0 for row in rows.values() if row["status"] == "interrupted")
    cluster.check_books({**behind.seen, **direct.seen})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Replica.drain, cluster.replicas))
