"""What figures are made of the series of a Prometheus page: a small language, and what well-known servers call things.

    my_jobs                       the sum over all label sets
    max(my_jobs{pool="a"})        the largest; ``avg`` is the mean of them
    rate(my_jobs_total)           by how much a counter grows, per second
    mean(my_seconds)              of the values that a histogram or summary took since the last look: sum / count
    p95(my_seconds)               a quantile of these values, of a histogram; straight lines between its bounds

The words mean what they mean in PromQL, but that a sum needs none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["SETS", "Expression", "parse_expression"]

_FORM: Final = re.compile(
    r"""(?:(?P<how>[a-z]+|p\d{1,2}(?:\.\d+)?)\s*\(\s*)?
    (?P<name>[a-zA-Z_:][\w:]{0,199})\s*(?:\{(?P<labels>[^{}]*)\})?\s*(?P<close>\))?(?:\s*/\s*(?P<per>\d+(?:\.\d+)?))?""",
    re.VERBOSE,
)
_LABEL: Final = re.compile(r"""\s*(?P<name>[a-zA-Z_]\w*)\s*=\s*"(?P<value>[^"\\]*)"\s*""")
_HOWS: Final = ("sum", "max", "avg", "rate", "mean")


@dataclass(frozen=True, slots=True)
class Expression:
    """``how`` a figure is made of the series ``name`` whose ``labels`` are as said: "sum", "max", "avg" (of what is on
    the page), "rate" (of a counter), "mean" or "quantile" (``p``, 0..100, of a histogram), divided by ``per``."""

    name: str
    how: str = "sum"
    labels: tuple[tuple[str, str], ...] = ()
    p: float = 0.0
    per: float = 1.0

    @property
    def flows(self) -> bool:
        """It is about the time between two looks."""
        return self.how in ("rate", "mean", "quantile")


def parse_expression(text: str) -> Expression:
    """Raises ValueError that says what is wrong."""
    found = _FORM.fullmatch(text.strip())
    if found is None or bool(found["how"]) != bool(found["close"]):
        raise ValueError(
            f'{text[:80]!r} is no figure; write it like "my_jobs", "rate(my_jobs_total)" or "p95(my_seconds)"'
        )
    how, per = found["how"] or "sum", float(found["per"] or 1)
    quantile = re.fullmatch(r"p([\d.]+)", how)
    if quantile is None and how not in _HOWS:
        raise ValueError(f"there is no {how}(...); there are {', '.join(_HOWS)} and percentiles like p95")
    if per == 0:
        raise ValueError("nothing can be divided by 0")
    p = float(quantile[1]) if quantile else 0.0
    return Expression(found["name"], "quantile" if quantile else how, _labels(found["labels"] or ""), p, per)


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    labels = []
    for part in filter(str.strip, text.split(",")):
        found = _LABEL.fullmatch(part)
        if found is None:
            raise ValueError(f'{part.strip()[:60]!r} is no label; write it like pool="a"')
        labels.append((found["name"], found["value"]))
    return tuple(labels)


_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "vllm": {
        "queue": "vllm:num_requests_waiting",
        "running": "vllm:num_requests_running",
        "cache": "avg(vllm:kv_cache_usage_perc)",
        "requests": "rate(vllm:request_success_total)",
        "prompt_tokens": "rate(vllm:prompt_tokens_total)",
        "output_tokens": "rate(vllm:generation_tokens_total)",
        "server_ttft": "mean(vllm:time_to_first_token_seconds)",
        "server_latency": "mean(vllm:e2e_request_latency_seconds)",
        "server_wait": "mean(vllm:request_queue_time_seconds)",
    },
    "sglang": {
        "queue": "sglang:num_queue_reqs",
        "running": "sglang:num_running_reqs",
        "cache": "avg(sglang:token_usage)",
        "requests": "rate(sglang:num_requests_total)",
        "prompt_tokens": "rate(sglang:prompt_tokens_total)",
        "output_tokens": "rate(sglang:generation_tokens_total)",
        "server_ttft": "mean(sglang:time_to_first_token_seconds)",
        "server_latency": "mean(sglang:e2e_request_latency_seconds)",
        "server_wait": "mean(sglang:queue_time_seconds)",
    },
    "tgi": {
        "queue": "tgi_queue_size",
        "running": "tgi_batch_current_size",
        "requests": "rate(tgi_request_count)",
        "prompt_tokens": "rate(tgi_request_input_length_sum)",
        "output_tokens": "rate(tgi_request_generated_tokens_sum)",
        "server_latency": "mean(tgi_request_duration)",
        "server_wait": "mean(tgi_request_queue_duration)",
    },
    "llamacpp": {
        "queue": "llamacpp:requests_deferred",
        "running": "llamacpp:requests_processing",
        "prompt_tokens": "rate(llamacpp:prompt_tokens_total)",
        "output_tokens": "rate(llamacpp:tokens_predicted_total)",
    },
    "process": {
        "cores": "rate(process_cpu_seconds_total)",
        "memory": "process_resident_memory_bytes",
        "fds": "process_open_fds",
    },
    "node": {
        "disk_free": "max(node_filesystem_avail_bytes)",
        "connections": "node_netstat_Tcp_CurrEstab",
        "read": "rate(node_disk_read_bytes_total)",
        "written": "rate(node_disk_written_bytes_total)",
    },
    "dcgm": {"gpu": "avg(DCGM_FI_DEV_GPU_UTIL) / 100"},
    "postgres": {"connections": "pg_stat_database_numbackends", "requests": "rate(pg_stat_database_xact_commit)"},
    "redis": {
        "clients": "redis_connected_clients",
        "memory": "redis_memory_used_bytes",
        "requests": "rate(redis_commands_processed_total)",
    },
}

SETS: Final[Mapping[str, Mapping[str, Expression]]] = MappingProxyType(
    {name: {figure: parse_expression(text) for figure, text in texts.items()} for name, texts in _TEXTS.items()}
)
"""What the figures of ``metrics.observed.FIGURES`` are made of on the pages of known servers and exporters."""
