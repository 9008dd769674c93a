from __future__ import annotations

import pickle

import jsonschema
import pytest
from pydantic import ValidationError

from llmload.sim.spec import SimSpec, parse_fault


def test_quantities_are_read_as_people_write_them():
    spec = SimSpec.model_validate(
        {"step": "20ms", "jitter": "5%", "answer": "10..50", "keys": {"k": {"rate": "60/min"}}, "first_token": 0.1}
    )
    assert (spec.step, spec.jitter, spec.answer, spec.first_token) == (0.020, 0.05, (10, 50), 0.1)
    assert spec.keys["k"].rate == 1.0
    assert SimSpec.model_validate({"answer": 7}).answer == (7, 7)
    assert SimSpec.model_validate({"answer": "max"}).answer == "max"


@pytest.mark.parametrize(
    "settings",
    [
        {"step": "0s"},
        {"step": "fast"},
        {"jitter": "150%"},
        {"answer": "50..10"},
        {"answer": "0"},
        {"answer": "long"},
        {"slots": 0},
        {"models": []},
        {"context_window": 9000, "kv_tokens": 8000},
        {"name": "bad\r\nname"},
        {"slot": 3},
        {"faults": [{"kind": "unknown"}]},
        {"faults": [{"kind": "error", "pause": "3s"}]},
        {"first_token": float("nan")},
        {"keys": {"k": {"rate": "0/s"}}},
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, object]):
    with pytest.raises(ValidationError):
        SimSpec.model_validate(settings)


def test_a_spec_survives_json_and_pickle_with_its_faults():
    spec = SimSpec(answer="max").with_faults(
        [parse_fault("stall:pause=2s,from=1s,every=10s,for=3s"), parse_fault("hang")]
    )
    assert SimSpec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_schema_accepts_what_the_model_accepts():
    settings = {"step": "20ms", "answer": "10..50", "faults": [{"kind": "error", "rate": "20%", "from": "1s"}]}
    schema = SimSpec.model_json_schema()
    jsonschema.validate(settings, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"step": "fast"}, schema)


def test_the_defaults_saturate_where_the_docstring_says():
    assert SimSpec().capacity(85, 100) == pytest.approx(40, rel=0.02)


def test_capacity_is_bound_by_memory_when_answers_are_long():
    spec = SimSpec(kv_tokens=8192)
    assert spec.capacity(4000, 4000) < 1 / (4000 * spec.step_time(1)) * 1.1
