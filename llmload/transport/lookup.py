"""Credentials that a cloud's own library finds, printed as JSON by a process of its own.

    python -m llmload.transport.lookup google
    python -m llmload.transport.lookup aws [PROFILE]

The libraries are large and may wait for a network: neither is for a process that measures. What is printed goes into a
pipe to llmload and nowhere else. ``{"error": ...}`` where nothing is found.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["main"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_UNSAID_SECONDS = 900.0
"""How long temporary credentials are taken to be good that don't say so: the shortest that AWS gives out."""


def main(arguments: list[str]) -> int:
    """Print what was asked for; 0 if there was something."""
    try:
        found = _KINDS[arguments[0]](*arguments[1:])
    except ImportError as error:
        extra = {"google": "gcp", "aws": "aws"}[arguments[0]]
        found = {"error": f"{error.name} is not installed; install llmload[{extra}]"}
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))
    return 1 if "error" in found else 0


def _google() -> dict[str, Any]:
    import google.auth
    import google.auth.transport.requests

    credentials, _ = google.auth.default(scopes=[_SCOPE])
    credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
    left = 0.0
    if credentials.expiry is not None:  # UTC, and says so nowhere
        left = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return {"token": credentials.token, "lifetime": left}


def _aws(profile: str = "") -> dict[str, Any]:
    import botocore.session

    credentials = botocore.session.Session(profile=profile or None).get_credentials()
    if credentials is None:
        return {"error": "the AWS SDK finds no credentials (environment, profile, or role of this machine)"}
    frozen = credentials.get_frozen_credentials()
    left = _UNSAID_SECONDS if frozen.token else 0.0
    # No public name says when they end.
    expiry = getattr(credentials, "_expiry_time", None)
    if isinstance(expiry, datetime):
        left = (expiry - datetime.now(UTC)).total_seconds()
    return {"access": frozen.access_key, "secret": frozen.secret_key, "session": frozen.token or "", "lifetime": left}


_KINDS = {"google": _google, "aws": _aws}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
