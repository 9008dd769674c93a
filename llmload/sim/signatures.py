"""Signature Version 4, as AWS's services verify it (IAM User Guide, "AWS Signature Version 4 for API requests").

What a client signs is made again from the request and the secret, and must give the same signature. The age of a
signature is not looked at: the simulator's clock may be any.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

__all__ = ["is_signed_by"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_AUTHORIZATION: Final = re.compile(
    _ALGORITHM + r" Credential=[^/,\s]+/"
    r"(?P<scope>(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request), *"
    r"SignedHeaders=(?P<headers>[a-z0-9;_-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
_SPACES: Final = re.compile(r" +")


def is_signed_by(secret: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a request bears a signature made with ``secret``. ``target``: path and query as they came."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    if found is None:
        return False
    path, _, query = target.partition("?")
    signed = found["headers"].split(";")
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/-_.~"),
            "&".join(sorted(query.split("&"))) if query else "",
            *(f"{name}:{_SPACES.sub(' ', headers.get(name, '').strip())}" for name in signed),
            "",
            found["headers"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, headers.get("x-amz-date", ""), found["scope"], digest))
    key = f"AWS4{secret}".encode()
    for part in (found["day"], found["region"], found["service"], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), found["signature"])
