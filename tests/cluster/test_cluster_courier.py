"""What a worker packs, its parent folds to the very same figures."""

from __future__ import annotations

import pickle

from virtual_run import plan_of, run_plan

from llmload.cluster.courier import Courier, fold, pack, unpack
from llmload.engine.run import recorder_setup
from llmload.metrics.recorder import Recorder
from llmload.records import Answer, Record

MIXED = """
slice_by = ["tier"]
[targets.main]
base_url = "sim:"
model = "sim-model"
prices = { input = 1.0, output = 2.0 }
[classes.chat]
api = "chat"
stream = true
max_tokens = 10
tags = { tier = "gold" }
[classes.embed]
api = "embeddings"
[load]
rate = "10/s"
duration = "20s"
max_in_flight = 3
on_limit = "drop"
[[sim.faults]]
kind = "error"
rate = "20%"
"""


def test_a_packed_record_has_everything_but_texts() -> None:
    ran = run_plan(plan_of(MIXED))
    for record in ran.records:
        again = unpack(pickle.loads(pickle.dumps(pack(record))))
        for name in Record.__slots__:
            if name not in ("call", "answer"):
                assert getattr(again, name) == getattr(record, name), name
        for name in Answer.__slots__:
            if name != "text":
                assert getattr(again.answer, name) == getattr(record.answer, name), name
        assert (again.call.index, again.call.cls, again.call.tags) == (
            record.call.index, record.call.cls, record.call.tags,
        )  # fmt: skip
        assert again.call.messages == again.call.inputs == ()


def test_folding_a_couriers_batches_gives_what_recording_at_once_does() -> None:
    plan = plan_of(MIXED)
    ran = run_plan(plan)
    courier, folded, direct = Courier(), *(Recorder(recorder_setup(plan, ran.start)) for _ in range(2))
    for number, record in enumerate(ran.records):
        for notes in (courier, direct):
            notes.planned(record.planned)
            if record.sent:
                notes.sent(record.sent)
            notes.add(record)
        if number % 7 == 0:
            fold(courier.take(0, None), folded)
    fold(courier.take(0, None), folded)
    assert folded.take().to_json() == direct.take().to_json()
