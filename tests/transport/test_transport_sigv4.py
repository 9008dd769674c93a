"""Signatures are those of botocore, which AWS's own services check."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore import auth as botocore_auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.transport.sigv4 import AwsKey, Signer

ACCESS, SECRET = "AKIAEXAMPLE000000000", "wJalrEXAMPLE/k7mdenG+bPxRfiCYEXAMPLEKEY0"
AT = 1_790_000_000.0
SEGMENT = st.text("abcXYZ019-._~", min_size=1).filter(lambda text: text.strip("."))


def theirs(monkeypatch: pytest.MonkeyPatch, method: str, target: str, body: bytes, session: str) -> str:
    moment = datetime.fromtimestamp(AT, UTC)
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None))
    request = AWSRequest(method, f"https://host.example{target}", {"Content-Type": "application/json"}, body)
    SigV4Auth(Credentials(ACCESS, SECRET, session or None), "bedrock", "eu-west-1").add_auth(request)
    return request.headers["Authorization"]


def ours(method: str, target: str, body: bytes, session: str) -> dict[str, str]:
    signer = Signer(AwsKey(ACCESS, SECRET, session), "eu-west-1", "bedrock", "host.example")
    return dict(signer.headers(method, target, (("content-type", "application/json"),), body, AT))


@pytest.mark.parametrize("session", ["", "FwoGZXIvYXdzEXAMPLETOKEN"])
@pytest.mark.parametrize("target", [
    "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123%3Ainference-profile%2Fx/converse-stream",
    "/models?b=2&a=1&flag=&c=%20x",
])  # fmt: skip
def test_a_signature_is_the_one_that_botocore_makes(monkeypatch, target: str, session: str) -> None:
    found = ours("POST", target, b'{"a": 1}', session)
    assert found["Authorization"] == theirs(monkeypatch, "POST", target, b'{"a": 1}', session)
    assert found.get("X-Amz-Security-Token", "") == session
    assert found["X-Amz-Date"] == "20260921T141320Z"


@settings(max_examples=100, deadline=None)
@given(st.lists(SEGMENT, min_size=1, max_size=4), st.binary(max_size=50), st.booleans())
def test_so_it_is_for_any_path_and_body(segments: list[str], body: bytes, temporary: bool) -> None:
    target, session = "/" + "/".join(segments), "token" if temporary else ""
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert ours("POST", target, body, session)["Authorization"] == theirs(
            monkeypatch, "POST", target, body, session
        )


def test_credentials_do_not_show_themselves() -> None:
    assert SECRET not in repr(AwsKey(ACCESS, SECRET, "token-token"))
