"""The ``/metrics`` page: what vLLM exposes, under vLLM's names, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final

from llmload.clock import NS
from llmload.sim.answers import Answer
from llmload.sim.model import Batch

__all__ = ["CONTENT_TYPE", "Gauge", "Telemetry"]

Gauge = tuple[str, str, float]
"""Name, help and value."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FIRST_TOKEN: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
_PER_TOKEN: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
_REQUEST: Final = (
    0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 240.0, 480.0,
)  # fmt: skip


class _Histogram:
    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str) -> list[str]:
        lines, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {below}')
        return [*lines, f"{name}_sum{{{labels}}} {self.total}", f"{name}_count{{{labels}}} {below}"]


class Telemetry:
    """Counts since the start. Times are seconds."""

    def __init__(self, model: str) -> None:
        escaped = model.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        self._labels = f'model_name="{escaped}"'
        self.finished: Counter[str] = Counter({"stop": 0, "length": 0, "abort": 0})
        self.first_token = _Histogram(_FIRST_TOKEN)
        self.per_token = _Histogram(_PER_TOKEN)
        self.queue = _Histogram(_REQUEST)
        self.whole = _Histogram(_REQUEST)

    def ended(self, answer: Answer) -> None:
        """A text answer is over, whole or not."""
        truth, first = answer.truth, answer.first_token
        for seq in answer.sequences:
            if seq.admitted is not None:
                self.queue.observe((seq.admitted - seq.ready) / NS)
        if first:
            self.first_token.observe((first - truth.received) / NS)
        if truth.ended != "finished":
            self.finished["abort"] += 1
            return
        self.whole.observe((truth.end - truth.received) / NS)
        longest = max(seq.made for seq in answer.sequences)
        if longest > 1:
            self.per_token.observe((truth.end - first) / NS / (longest - 1))
        self.finished[answer.finish] += 1

    def page(self, batch: Batch, ours: Iterable[Gauge] = ()) -> str:
        """The whole page, with the state of the batch as it is now; ``ours``: of what vLLM knows nothing of."""
        one = self._one
        lines = [
            *one("num_requests_running", "gauge", "Sequences in the batch.", batch.running),
            *one("num_requests_waiting", "gauge", "Sequences waiting for the batch.", batch.waiting),
            *one("kv_cache_usage_perc", "gauge", "Share of the KV cache in use; 1 is all.", batch.cache_used),
            *one("gpu_cache_usage_perc", "gauge", "The same under its older name.", batch.cache_used),
            *one("prompt_tokens_total", "counter", "Prompt tokens worked on.", batch.tokens_read),
            *one("generation_tokens_total", "counter", "Tokens generated.", batch.tokens_made),
            *self._success(),
            *(line for name, help_text, value in ours for line in self._ours(name, help_text, value)),
        ]
        for name, help_text, histogram in (
            ("time_to_first_token_seconds", "From arrival to first token.", self.first_token),
            ("request_time_per_output_token_seconds", "Mean time per token after the first.", self.per_token),
            ("request_queue_time_seconds", "Time spent waiting for the batch.", self.queue),
            ("e2e_request_latency_seconds", "From arrival to the end of the answer.", self.whole),
        ):
            lines += self._head(name, "histogram", help_text)
            lines += histogram.lines(f"vllm:{name}", self._labels)
        return "\n".join(lines) + "\n"

    def _ours(self, name: str, help_text: str, value: float) -> list[str]:
        """A gauge under a name of ours."""
        return [f"# HELP sim:{name} {help_text}", f"# TYPE sim:{name} gauge", f"sim:{name}{{{self._labels}}} {value}"]

    def _head(self, name: str, kind: str, help_text: str) -> list[str]:
        return [f"# HELP vllm:{name} {help_text}", f"# TYPE vllm:{name} {kind}"]

    def _one(self, name: str, kind: str, help_text: str, value: float) -> list[str]:
        return [*self._head(name, kind, help_text), f"vllm:{name}{{{self._labels}}} {value}"]

    def _success(self) -> list[str]:
        name = "request_success_total"
        counts = [
            f'vllm:{name}{{{self._labels},finished_reason="{reason}"}} {count}'
            for reason, count in sorted(self.finished.items())
        ]
        return [*self._head(name, "counter", "Requests that ended, by reason."), *counts]
