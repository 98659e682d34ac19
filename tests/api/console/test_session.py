"""Which cookies are sessions: laws of pure functions."""

from __future__ import annotations

import base64
import random
import string

import pytest

from hyperinfer.api.console.session import LIFETIME, begin, cookie_name, read, set_cookie
from hyperinfer.api.store.console_access import kept_of, proof_of
from hyperinfer.providers.secret import Secret

NOW = 1_795_000_000.25
PROOF = proof_of(Secret("hc-the-token-of-these-tests"))
KEPT = kept_of(PROOF)
COOKIE, SESSION = begin(PROOF, NOW, random.Random(1).randbytes)
ALPHABET = string.ascii_letters + string.digits + "-_"


def test_a_session_is_read_back_until_it_expires() -> None:
    assert SESSION.expires_at == int(NOW) + LIFETIME
    assert read(COOKIE, KEPT, NOW) == read(COOKIE, KEPT, SESSION.expires_at - 0.001) == SESSION
    for late in (SESSION.expires_at, SESSION.expires_at + 0.5, float("inf")):
        assert read(COOKIE, KEPT, late) is None


def test_no_two_sessions_are_alike() -> None:
    entropy = random.Random(2).randbytes
    made = [begin(PROOF, NOW, entropy) for _ in range(50)]
    assert len({cookie for cookie, _ in made}) == len({session.csrf for _, session in made}) == 50
    assert all(read(cookie, KEPT, NOW) == session for cookie, session in made)


def test_neither_the_token_nor_its_digests_can_be_seen_in_it() -> None:
    raw = base64.urlsafe_b64decode(COOKIE + "=")
    for secret in (PROOF, KEPT, SESSION.csrf.encode(), b"hc-the-token"):
        assert secret not in raw
        assert secret not in COOKIE.encode()
    # Sealed anew each time: two cookies tell nothing of what both hold.
    other, _ = begin(PROOF, NOW, random.Random(3).randbytes)
    assert base64.urlsafe_b64decode(other + "=")[25:57] != raw[25:57]


def test_another_token_ends_it() -> None:
    assert read(COOKIE, kept_of(proof_of(Secret("hc-the-token-of-these-testS"))), NOW) is None


def test_who_reads_the_store_can_make_none() -> None:
    """They know what is kept, so they can sign; but the proof is not what is kept, nor anything made of that."""
    for guess in (KEPT, kept_of(KEPT), bytes(32)):
        forged, _ = begin(guess, NOW, random.Random(4).randbytes)
        assert read(forged, KEPT, NOW) is None
        assert read(forged, kept_of(guess), NOW) is not None
    # The same with the right signature, which needs what is kept alone.
    from hyperinfer.api.console import session as inside

    said = b"\x01" + (int(NOW) + 99).to_bytes(8, "big") + bytes(16) + bytes(32)
    signed = said + inside._mac(KEPT, b"session", said)  # pyright: ignore[reportPrivateUsage]
    assert read(base64.urlsafe_b64encode(signed).decode().rstrip("="), KEPT, NOW) is None


@pytest.mark.parametrize("place", range(len(COOKIE)))
def test_any_other_character_is_no_session(place: int) -> None:
    for other in (*"AQgw-_", COOKIE[place].swapcase()):
        changed = COOKIE[:place] + other + COOKIE[place + 1 :]
        assert changed == COOKIE or read(changed, KEPT, NOW) is None


def test_neither_less_nor_more_of_it_is() -> None:
    for cut in range(len(COOKIE)):
        assert read(COOKIE[:cut], KEPT, NOW) is None
        assert read(COOKIE[cut + 1 :], KEPT, NOW) is None
    for more in ("=", "==", "A", " ", "\n", ".", "ü", "\x00", "AAAA"):
        assert read(COOKIE + more, KEPT, NOW) is None
        assert read(more + COOKIE, KEPT, NOW) is None


def test_any_text_is_none() -> None:
    chance = random.Random(5)
    for number in range(2000):
        length = len(COOKIE) if number % 2 else chance.randrange(140)
        alphabet = ALPHABET if number % 3 else ALPHABET + "=+/ .ü€\0\ud800"
        assert read("".join(chance.choices(alphabet, k=length)), KEPT, NOW) is None


def test_a_cookie_is_for_this_host_and_no_script() -> None:
    plain, secure = cookie_name(KEPT, secure=False), cookie_name(KEPT, secure=True)
    assert secure == f"__Host-{plain}"
    assert plain != cookie_name(bytes(32), secure=False)
    assert set_cookie(plain, "v", 60, secure=False) == f"{plain}=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
    assert set_cookie(secure, "", 0, secure=True) == f"{secure}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
