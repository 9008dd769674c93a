from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

import pytest

from llmload.analysis.environments import GENERATOR
from llmload.observe import environment as module
from llmload.observe.environment import environment


def test_every_fact_is_there_and_a_text() -> None:
    assert set(environment()) == set(GENERATOR)
    assert all(isinstance(value, str) for value in environment().values())


def test_nothing_names_the_machine_its_user_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    values = environment().values()
    for name in (socket.gethostname(), getpass.getuser(), str(Path.home()), os.environ["OPENAI_API_KEY"]):
        assert name not in values


@pytest.mark.parametrize(
    ("written", "quota"), [("max 100000", "none"), ("150000 100000", "1.5 cores"), ("garbage", ""), ("", "")]
)
def test_the_quota_of_the_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, quota: str
) -> None:
    (tmp_path / "cpu.max").write_text(written)
    monkeypatch.setattr(module, "_QUOTAS", (str(tmp_path / "cpu.max"), str(tmp_path / "none")))
    assert environment()["quota"] == quota


def test_the_quota_of_the_first_version_of_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUOTAS", (str(tmp_path / "none"), str(tmp_path / "cpu.cfs_quota_us")))
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    for written, quota in (("200000", "2 cores"), ("-1", "none")):
        (tmp_path / "cpu.cfs_quota_us").write_text(written)
        assert environment()["quota"] == quota


@pytest.mark.parametrize(
    ("written", "limit"), [("max", "none"), ("2147483648", "2.0 GiB"), ("9223372036854771712", "none"), ("?", "")]
)
def test_the_memory_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, limit: str) -> None:
    (tmp_path / "memory.max").write_text(written)
    monkeypatch.setattr(module, "_MEMORY_LIMITS", (str(tmp_path / "memory.max"),))
    assert environment()["memory_limit"] == limit


def test_what_the_system_does_not_tell_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILES", dict.fromkeys(module._FILES, str(tmp_path / "none")))
    assert environment()["clock"] == environment()["congestion"] == ""
