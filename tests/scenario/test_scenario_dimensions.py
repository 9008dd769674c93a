"""Dimensions in a scenario: compiled, checked, run against a simulator that knows the tenants."""

from __future__ import annotations

import re

import pytest
from virtual_run import plan_of, run_plan

from llmload.errors import ScenarioError
from llmload.records import Outcome
from llmload.verdict.judge import judge

TEXT = """
objectives = [
  "success.rate{tenant=acme} >= 99%",
  "latency.p95{region=eu,tenant=acme} / latency.p95{region=us,tenant=acme} < 1.5",
]
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
max_tokens = 5
prompt = "Hello"
[classes.models]
api = "models"
[dimensions.tenant.acme]
weight = 3
api_key = { env = "ACME_KEY" }
[dimensions.tenant.nobody]
api_key = { env = "OLD_KEY" }
expect_status = [401]
[dimensions.region.eu]
headers = { x-region = "eu" }
classes = ["chat"]
[dimensions.region.us]
headers = { x-region = "us" }
classes = ["chat"]
[load]
process = "uniform"
phases = [
  { name = "one", duration = "30s", rate = "20/s", mix = { chat = 1, "tenant.acme" = 1 } },
  { name = "two", duration = "30s", rate = "20/s", mix = { "tenant.acme" = 1, "tenant.nobody" = 1 } },
]
[sim.keys]
acme = { tenant = "acme" }
"""


def test_tenants_have_keys_and_every_crossing_is_a_slice() -> None:
    plan = plan_of(TEXT)
    assert plan.slice_tags == ("tenant", "region")
    assert (plan.phases[0].weights, plan.phases[0].values) == ({"chat": 1}, {"tenant": {"acme": 1}})
    assert plan.phases[1].weights is None
    ran = run_plan(plan)
    assert set(ran.summary.select(tenant="acme").outcomes) == {Outcome.OK}
    assert set(ran.summary.select(tenant="nobody").outcomes) == {Outcome.EXPECTED_STATUS}
    assert ran.summary.select(tenant="nobody", phase="one").calls == 0
    assert ran.summary.select(region="us").calls < ran.summary.select().calls / 2
    assert ran.summary.select(**{"class": "models"}, region="us").calls == 0
    assert {record.status for record in ran.records if record.call.key == "nobody"} == {401}
    assert all(judgement.passed for judgement in judge(plan.objectives, ran.summary))


def test_a_fault_may_be_for_one_crossing_only() -> None:
    plan = plan_of(TEXT, 'sim.faults=[{kind="slow",factor=3,key="acme",headers={x-region="eu"}}]')
    found = judge(plan.objectives, run_plan(plan).summary)
    assert [judgement.passed for judgement in found] == [True, False]
    assert found[1].sides is not None
    assert found[1].observed == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("dimensions.phase={a={}}", "is no name for a tag"),
        ('classes.chat.tags={region="x"}', "is a tag of a class already"),
        ('dimensions.region.us.classes=["chatt"]', "there is no class 'chatt'"),
        ("dimensions.region={eu={weight=0}}", "all weights are 0"),
        ('dimensions.region.eu.api_key={env="X"}', "has keys, as 'tenant' has"),
        ('dimensions.tenant.acme.api_key="sk-123456"', "a key must not stand in a scenario"),
        ('load.phases=[{name="one",duration="9s",rate="1/s",mix={"tenant.acne"=1}}]', "no value of tenant 'acne'"),
        ('load.phases=[{name="one",duration="9s",rate="1/s",mix={"tenant.acme"=0}}]', "all weights are 0"),
        ('objectives=["ttft.p95{region=asia} < 1s"]', "there is no region 'asia'"),
        ("classes.chat.paired=true", "there is one target only"),
        ('objectives=["spread.even{over=regio} > 0.1"]', "region"),
    ],
)
def test_what_does_not_fit_is_named(change: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_of(TEXT, change)
    assert re.search(re.escape(words), "\n".join(map(str, caught.value.problems)))
