"""Keys come from where the scenario says, and never show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llmload.errors import UsageError
from llmload.scenario.plan import Auth, Target
from llmload.transport.credentials import Key, Secrets, fetch
from llmload.transport.keyring import KeyRing

KEY = "sk-0123456789"


def test_from_a_variable() -> None:
    assert fetch(Auth("env", "K"), {"K": KEY + "\n"}) == Key(KEY)
    ring = KeyRing(Target("main", "http://x/v1", auth=Auth("env", "K")), {"K": KEY})
    assert ("Authorization", f"Bearer {KEY}") in ring.headers("")


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    assert fetch(Auth("file", str(path))) == Key(KEY)


def test_from_a_command() -> None:
    command = (sys.executable, "-c", f"print({KEY!r})")
    assert fetch(Auth("command", command=command, lifetime=3000.0)) == Key(KEY, lifetime=3000.0)


def test_none_is_none() -> None:
    assert fetch(Auth()) == Key()
    assert dict(KeyRing(Target("main", "http://x/v1")).headers("")).keys() == {"User-Agent", "Accept-Encoding"}


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (Auth("env", "MISSING"), "MISSING"),
        (Auth("env", "EMPTY"), "empty"),
        (Auth("env", "BROKEN"), "header"),
        (Auth("file", "/no/such/file"), "/no/such/file"),
        (Auth("command", command=("false",)), "failed"),
        (Auth("command", command=("no-such-command-here",)), "failed"),
    ],
)
def test_what_can_not_be_had_is_said_without_the_key(auth: Auth, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        fetch(auth, {"EMPTY": " ", "BROKEN": KEY + "\nX-Evil: 1"})
    assert KEY not in str(raised.value)


def test_secrets_are_struck_out_of_any_text() -> None:
    secrets = Secrets([KEY, "ab"])
    assert secrets.redact(f"bad key {KEY}; ab stays") == "bad key ***; ab stays"


def test_a_header_with_a_line_break_is_refused() -> None:
    with pytest.raises(UsageError, match="line break"):
        KeyRing(Target("main", "http://x/v1", headers={"x-a": "1\r\nx-b: 2"}))


def test_the_beginning_of_a_secret_that_was_cut_off_is_struck_out_too() -> None:
    secrets = Secrets([KEY])
    assert secrets.redact(f"bad key {KEY[:-3]}") == "bad key ***"
    assert secrets.redact(f"bad key {KEY[:8]}…") == "bad key ***…"
    assert secrets.redact(f"{KEY[:7]} is no key") == f"{KEY[:7]} is no key"


def test_headers_named_like_credentials_hold_secrets() -> None:
    secrets = KeyRing(Target("main", "http://x/v1", headers={"X-Api-Key": KEY, "X-Team": "search-team"})).secrets
    assert secrets.redact(f"{KEY} of search-team") == "*** of search-team"
