from __future__ import annotations

import pytest

from llmload.errors import Problem
from llmload.scenario.redact import MASK, names_credential, redact_problem, redacted


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api_key", "HF_TOKEN", "Cookie", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "key"],
)
def test_names_of_credentials_are_known(name: str) -> None:
    assert names_credential(name)


@pytest.mark.parametrize("name", ["x-team", "Accept", "max_tokens", "REGION", "monkey", "keyboard"])
def test_other_names_are_not(name: str) -> None:
    assert not names_credential(name)


def test_credentials_are_masked_in_headers_parameters_and_urls() -> None:
    data = {
        "headers": {"authorization": "Bearer x", "x-team": "t"},
        "params": {"password": "p", "cache_key": "c", "max_tokens": 3},
        "proxy": "http://u:p@proxy:1",
        "list": ["a secret-1 b", 1],
    }
    assert redacted(data, {"secret-1"}) == {
        "headers": {"authorization": MASK, "x-team": "t"},
        "params": {"password": MASK, "cache_key": "c", "max_tokens": 3},
        "proxy": f"http://{MASK}@proxy:1",
        "list": [f"a {MASK} b", 1],
    }


def test_a_secret_within_a_secret_leaves_nothing_behind() -> None:
    problem = redact_problem(Problem("abcdef is bad", hint="write abcd"), {"abcd", "abcdef"})
    assert (problem.what, problem.hint) == (f"{MASK} is bad", f"write {MASK}")
