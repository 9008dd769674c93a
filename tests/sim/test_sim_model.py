from __future__ import annotations

import itertools
import random

import pytest
from sim_kit import VirtualTime

from llmload.clock import NS
from llmload.sim.model import Batch, Embedder, Sequence
from llmload.sim.spec import SimSpec


def _spec(**settings: object) -> SimSpec:
    return SimSpec.model_validate({"jitter": 0, **settings})


class _Load:
    """Poisson arrivals at ``rate``, each an answer of ``tokens``; what happened to them."""

    def __init__(self, spec: SimSpec, rate: float, seconds: float, tokens: int = 100, prompt: int = 85) -> None:
        self.time = VirtualTime()
        self.batch = Batch(spec, self.time.now, self.time.call_at)
        self.latencies: list[float] = []
        self.first: list[float] = []
        self.ends: list[int] = []
        source, t = random.Random(7), 0.0
        while (t := t + source.expovariate(rate)) < seconds:
            self.time.call_at(round(t * NS), lambda at=t: self._send(round(at * NS), prompt, tokens))
        self.time.run(seconds)

    def _send(self, sent: int, prompt: int, tokens: int) -> None:
        def emit(seq: Sequence) -> None:
            if seq.made == 1:
                self.first.append((self.time.t - sent) / NS)
            if seq.made == seq.length:
                self.latencies.append((self.time.t - sent) / NS)
                self.ends.append(self.time.t)

        self.batch.submit(Sequence(prompt, tokens, emit))

    def throughput(self, since: float, until: float) -> float:
        return sum(since * NS <= t < until * NS for t in self.ends) / (until - since)


def _alone(spec: SimSpec, prompt: int, tokens: int) -> list[float]:
    time, stamps = VirtualTime(), []
    Batch(spec, time.now, time.call_at).submit(Sequence(prompt, tokens, lambda seq: stamps.append(time.t / NS)))
    time.run()
    return stamps


def test_a_lone_short_request_gets_its_first_token_after_60_to_80_ms_and_then_one_per_15_ms():
    stamps = _alone(_spec(), prompt=50, tokens=10)
    assert 0.060 <= stamps[0] <= 0.080
    gaps = [b - a for a, b in itertools.pairwise(stamps)]
    assert gaps == pytest.approx([0.0149] * 9)


def test_first_token_is_latency_plus_step_plus_prefill():
    spec = _spec(first_token="10ms", step="20ms", step_per_sequence=0, prefill="100ms")
    assert _alone(spec, prompt=500, tokens=1) == pytest.approx([0.010 + 0.020 + 0.050])


def test_a_long_prompt_is_read_in_chunks_over_several_steps():
    spec = _spec(first_token=0, step="10ms", step_per_sequence=0, prefill="100ms", prefill_chunk=400)
    assert _alone(spec, prompt=1000, tokens=1) == pytest.approx([3 * 0.010 + 0.100])


def test_a_prompt_being_read_delays_the_tokens_of_the_others():
    time = VirtualTime()
    spec = _spec(first_token=0, step="10ms", step_per_sequence=0, prefill="100ms")
    batch, stamps = Batch(spec, time.now, time.call_at), []
    batch.submit(Sequence(0, 5, lambda seq: stamps.append(time.t / NS)))
    time.call_at(5_000_000, lambda: batch.submit(Sequence(1000, 1, lambda seq: None)))
    time.run()
    assert stamps == pytest.approx([0.010, 0.120, 0.130, 0.140, 0.150])


def test_a_late_timer_does_not_move_the_schedule():
    time = VirtualTime()
    late = lambda t, action: time.call_at(t + 3_000_000, action)  # noqa: E731
    batch, stamps = Batch(_spec(first_token=0, step="10ms", step_per_sequence=0), time.now, late), []
    batch.submit(Sequence(0, 100, lambda seq: stamps.append(time.t / NS)))
    time.run()
    assert stamps[-1] == pytest.approx(100 * 0.010 + 0.003)


def test_the_batch_never_has_more_sequences_than_slots_nor_more_tokens_than_room():
    time = VirtualTime()
    spec = _spec(slots=4, kv_tokens=1000, context_window=1000)
    batch, most = Batch(spec, time.now, time.call_at), 0

    def emit(seq: Sequence) -> None:
        nonlocal most
        most = max(most, batch.running)
        assert 0 <= batch.cache_used <= 1

    for number in range(50):
        batch.submit(Sequence(10 * number, 5, emit))
    time.run()
    assert most == 4
    assert batch.tokens_made == 250
    assert (batch.running, batch.waiting, batch.cache_used) == (0, 0, 0)


def test_memory_bounds_the_batch_before_the_slots_do():
    time = VirtualTime()
    batch = Batch(_spec(kv_tokens=1000, context_window=1000, first_token=0), time.now, time.call_at)
    for _ in range(10):
        batch.submit(Sequence(300, 20, lambda seq: None))
    time.run(0.02)
    assert (batch.running, batch.waiting) == (3, 7)


def test_below_the_knee_throughput_is_what_comes_in_and_latency_stays_low():
    spec = _spec(queue_limit=10**6)
    knee = spec.capacity(85, 100)
    load = _Load(spec, 0.6 * knee, 60)
    assert load.throughput(10, 60) == pytest.approx(0.6 * knee, rel=0.1)
    assert sorted(load.first)[int(len(load.first) * 0.95)] < 0.15


def test_beyond_the_knee_throughput_stays_at_capacity_and_latency_grows_without_end():
    spec = _spec(queue_limit=10**6)
    knee = spec.capacity(85, 100)
    load = _Load(spec, 1.5 * knee, 60)
    assert load.throughput(20, 60) == pytest.approx(knee, rel=0.05)
    early, late = load.first[len(load.first) // 4], load.first[-1]
    assert late > early + 5
    assert late > 10


def test_littles_law_holds():
    spec = _spec()
    rate, seconds = 0.7 * spec.capacity(85, 100), 120
    time, inside, samples = VirtualTime(), 0, []
    batch = Batch(spec, time.now, time.call_at)
    latencies: list[float] = []
    source, t = random.Random(3), 0.0

    def send(sent: int) -> None:
        nonlocal inside
        inside += 1

        def emit(seq: Sequence) -> None:
            nonlocal inside
            if seq.made == seq.length:
                inside -= 1
                latencies.append((time.t - sent) / NS)

        batch.submit(Sequence(85, 100, emit))

    while (t := t + source.expovariate(rate)) < seconds:
        time.call_at(round(t * NS), lambda at=t: send(round(at * NS)))
    for tick in range(20 * 10, seconds * 10):
        time.call_at(tick * NS // 10, lambda: samples.append(inside))
    time.run(seconds)
    assert sum(samples) / len(samples) == pytest.approx(rate * sum(latencies) / len(latencies), rel=0.05)


def test_the_embeddings_station_waits_as_the_theory_of_md1_queues_says():
    """Mean wait of M/D/1: rho * s / (2 * (1 - rho))."""
    spec = _spec(embed="10ms", embed_prefill=0, embed_latency=0, queue_limit=10**6)
    time = VirtualTime()
    station, waits = Embedder(spec, time.now, time.call_at), []
    source, t, rho = random.Random(11), 0.0, 0.7

    def send(sent: float) -> None:
        station.submit(100, lambda: waits.append(time.t / NS - sent - 0.010))

    while (t := t + source.expovariate(rho / 0.010)) < 600:
        time.call_at(round(t * NS), lambda at=t: send(at))
    time.run()
    assert sum(waits) / len(waits) == pytest.approx(rho * 0.010 / (2 * (1 - rho)), rel=0.1)
    assert station.pending == 0


def test_cancelling_takes_a_sequence_out_wherever_it_is():
    time = VirtualTime()
    batch, told = Batch(_spec(slots=1, first_token=0), time.now, time.call_at), []
    running, waiting, third = (Sequence(10, 50, told.append) for _ in range(3))
    for seq in (running, waiting, third):
        batch.submit(seq)
    time.run(0.1)
    batch.cancel(running)
    batch.cancel(waiting)
    batch.cancel(waiting)
    told.clear()
    time.run()
    assert set(told) == {third}
    assert (batch.running, batch.waiting, batch.cache_used, time.pending) == (0, 0, 0, 0)


def test_a_sequence_may_cancel_another_while_tokens_are_given_out():
    time = VirtualTime()
    batch = Batch(_spec(first_token=0), time.now, time.call_at)
    told: list[Sequence] = []
    second = Sequence(1, 5, told.append)
    batch.submit(Sequence(1, 5, lambda seq: batch.cancel(second)))
    batch.submit(second)
    time.run()
    assert not told
    assert batch.running == 0


def test_a_cancelled_embedding_is_not_answered_and_not_counted():
    time = VirtualTime()
    station, done = Embedder(_spec(), time.now, time.call_at), []
    cancel = station.submit(10, lambda: done.append(1))
    cancel()
    cancel()
    time.run()
    assert (done, station.pending) == ([], 0)


def test_the_queue_is_full_when_slots_and_queue_are():
    time = VirtualTime()
    batch = Batch(_spec(slots=2, queue_limit=3, first_token=0), time.now, time.call_at)
    accepted = 0
    while not batch.full():
        batch.submit(Sequence(1, 5, lambda seq: None))
        accepted += 1
    assert accepted == 5


def test_steps_vary_by_the_jitter_and_by_the_seed_only():
    def stamps(seed: int) -> list[float]:
        return _alone(SimSpec(seed=seed, jitter=0.1), 10, 50)

    assert stamps(1) == stamps(1) != stamps(2)
    gaps = [b - a for a, b in zip(stamps(1), stamps(1)[1:], strict=False)]
    assert 0.9 * 0.0149 <= min(gaps) < max(gaps) <= 1.1 * 0.0149
