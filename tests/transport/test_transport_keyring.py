"""Several keys per target, signatures, and keys that are renewed while nothing waits: on both measuring paths."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from botocore import auth as botocore_auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sink import Notes
from wire_server import serving

from llmload.errors import UsageError
from llmload.records import WireRequest
from llmload.scenario.plan import Auth, Target
from llmload.transport import credentials
from llmload.transport.credentials import fetch
from llmload.transport.http import HttpTransport
from llmload.transport.keyring import KeyRing
from llmload.transport.plain import PlainTransport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE000000000",
    "AWS_SECRET_ACCESS_KEY": "secret/EXAMPLE+KEY",
    "AWS_SESSION_TOKEN": "",
}
COUNTING = """
import os, sys, time
count = len(os.listdir(sys.argv[1]))
open(os.path.join(sys.argv[1], str(count)), "w").close()
time.sleep(float(sys.argv[2]) if count else 0)
sys.exit(1) if sys.argv[3] == str(count) else print(f"token-number-{count}")
"""


@pytest.fixture(params=[HttpTransport, PlainTransport], ids=["direct", "iter_any"])
def path(request: pytest.FixtureRequest) -> type[HttpTransport | PlainTransport]:
    return request.param


class Heard(list[dict[str, str]]):
    """The headers of every request, by lower-case name; "" is the request line."""

    async def __call__(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        line, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        self.append(
            {"": line} | {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        )
        writer.write(ANSWER)


@asynccontextmanager
async def carrying(path: type, target: Target) -> AsyncIterator[HttpTransport | PlainTransport]:
    transport = path([target])
    try:
        await transport.open({})
        yield transport
    finally:
        await transport.close()


def post(key: str = "") -> WireRequest:
    return WireRequest("POST", "model/a%3A0/converse", (("content-type", "application/json"),), b'{"a":1}', key)


async def test_each_call_is_sent_with_the_key_it_asks_for(path, monkeypatch) -> None:
    for name in ("own", "acme", "zeta"):
        monkeypatch.setenv(f"KEY_{name}", f"key-of-{name}")
    keys = {name: Auth("env", f"KEY_{name}", header="x-api-key", prefix="") for name in ("acme", "zeta")}
    heard = Heard()
    async with (
        serving(heard) as url,
        carrying(path, Target("main", url, auth=Auth("env", "KEY_own"), keys=keys)) as carry,
    ):
        for key in ("", "acme", "zeta", "acme", ""):
            await carry.exchange("main", post(key), Notes())
        text = carry.redact("bad key-of-own, key-of-acme and key-of-zeta")
    assert [each.get("x-api-key") for each in heard] == [None, "key-of-acme", "key-of-zeta", "key-of-acme", None]
    assert [each.get("authorization") for each in heard] == ["Bearer key-of-own", None, None, None, "Bearer key-of-own"]
    assert text == "bad ***, *** and ***"


async def test_a_key_of_the_simulator_is_its_name_and_no_secret(path) -> None:
    heard, keys = Heard(), {"tenant-one": Auth("named", "tenant-one")}
    async with serving(heard) as url, carrying(path, Target("main", url, keys=keys)) as carry:
        await carry.exchange("main", post("tenant-one"), Notes())
        assert carry.redact("tenant-one") == "tenant-one"
    assert heard[0]["authorization"] == "Bearer tenant-one"


async def test_requests_are_signed_as_they_are_sent(path, monkeypatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    auth = Auth("aws", region="us-east-1", service="bedrock")
    heard = Heard()
    async with serving(heard) as url, carrying(path, Target("main", url, auth=auth)) as carry:
        await carry.exchange("main", post(), Notes())
        assert carry.redact(f"{AWS['AWS_SECRET_ACCESS_KEY']} of {AWS['AWS_ACCESS_KEY_ID']}") == "*** of ***"
    sent = heard[0]
    assert sent[""].startswith("POST /v1/model/a%3A0/converse ")
    assert sent["authorization"].startswith(
        f"AWS4-HMAC-SHA256 Credential={AWS['AWS_ACCESS_KEY_ID']}/{sent['x-amz-date'][:8]}/us-east-1/bedrock/"
    )
    assert "SignedHeaders=content-type;host;x-amz-date," in sent["authorization"]
    assert AWS["AWS_SECRET_ACCESS_KEY"] not in str(sent)
    assert sent["authorization"] == signed_by_botocore(monkeypatch, sent)


def signed_by_botocore(monkeypatch: pytest.MonkeyPatch, sent: dict[str, str]) -> str:
    """The signature that botocore makes of a request as it arrived, at the time that it names."""
    moment = datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ")
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda remove_tzinfo=True: moment)
    url = f"http://{sent['host']}{sent[''].split()[1]}"
    request = AWSRequest("POST", url, {"Content-Type": sent["content-type"]}, post().body)
    credentials = Credentials(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"])
    botocore_auth.SigV4Auth(credentials, "bedrock", "us-east-1").add_auth(request)
    signature: str = request.headers["Authorization"]
    return signature


def counting(folder: Path, lifetime: float, seconds: float = 0.0, fails: str = "") -> Auth:
    """A command that prints another token each time, and takes ``seconds`` for all but the first."""
    command = (sys.executable, "-c", COUNTING, str(folder), str(seconds), fails)
    return Auth("command", command=command, lifetime=lifetime)


async def until(condition, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_token_is_renewed_before_it_runs_out_and_no_call_waits(path, tmp_path: Path) -> None:
    heard = Heard()
    target = lambda url: Target("main", url, auth=counting(tmp_path, 0.6, seconds=1.0))  # noqa: E731
    async with serving(heard) as url, carrying(path, target(url)) as carry:
        longest = 0.0
        while len({each["authorization"] for each in heard}) < 2:
            began = asyncio.get_running_loop().time()
            await carry.exchange("main", post(), Notes())
            longest = max(longest, asyncio.get_running_loop().time() - began)
            await asyncio.sleep(0.02)
        assert carry.redact("token-number-0 and token-number-1") == "*** and ***"
        assert carry.renewals_failed == 0
    assert longest < 0.9, "a call waited for the command, which takes a second"
    assert {each["authorization"] for each in heard} == {"Bearer token-number-0", "Bearer token-number-1"}


async def test_a_renewal_that_fails_keeps_the_old_token_is_counted_and_tried_again(path, tmp_path: Path) -> None:
    heard = Heard()
    async with (
        serving(heard) as url,
        carrying(path, Target("main", url, auth=counting(tmp_path, 0.6, fails="1"))) as carry,
    ):
        await until(lambda: carry.renewals_failed == 1)
        await carry.exchange("main", post(), Notes())
        await until(
            lambda: "token-number-2" in str(carry.redact("token-number-2")) or len(list(tmp_path.iterdir())) > 2
        )
        await until(lambda: carry.redact("token-number-2") == "***")
        await carry.exchange("main", post(), Notes())
        assert carry.renewals_failed == 1
    assert [each["authorization"] for each in heard] == ["Bearer token-number-0", "Bearer token-number-2"]


async def test_a_renewal_under_way_is_ended_with_the_run(tmp_path: Path) -> None:
    ring = KeyRing(Target("main", "http://x/v1", auth=counting(tmp_path, 0.5, seconds=60)))
    ring.start()
    await until(lambda: len(list(tmp_path.iterdir())) > 1)
    async with asyncio.timeout(10):
        await ring.close()


def test_what_a_cloud_library_has_to_say_is_said_without_it(monkeypatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="AWS credentials could not be had: the AWS SDK finds no credentials"):
        fetch(Auth("aws", region="r", service="bedrock"))
    with pytest.raises(UsageError, match="of profile 'nobody' could not be had: ProfileNotFound"):
        fetch(Auth("aws", region="r", service="bedrock", profile="nobody"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(UsageError, match="application default credentials could not be had: DefaultCredentialsError"):
        fetch(Auth("google"))


@pytest.mark.parametrize(("kind", "extra"), [("aws", "aws"), ("google", "gcp")])
def test_a_missing_extra_is_named(kind: str, extra: str, monkeypatch, tmp_path: Path) -> None:
    for package in ("botocore", "google"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('gone', name='the library')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=rf"the library is not installed; install llmload\[{extra}\]"):
        fetch(Auth(kind, region="r", service="bedrock"))  # type: ignore[arg-type]


async def test_google_credentials_come_with_their_lifetime(monkeypatch, tmp_path: Path) -> None:
    """Those of a service account, exchanged for a token at a token endpoint on this machine."""

    async def grant(_request: bytes, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"access_token": "ya29.granted", "expires_in": 3600, "token_type": "Bearer"}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with serving(grant) as url:
        found = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "token_uri": url}
        (tmp_path / "adc.json").write_text(json.dumps(found))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        granted = await credentials.renew(Auth("google"))
    assert granted.value == "ya29.granted"
    assert 3000 < granted.lifetime <= 3600
