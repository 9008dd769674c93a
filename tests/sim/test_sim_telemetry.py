from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from sim_kit import VirtualTime

from llmload.sim.model import Batch
from llmload.sim.spec import SimSpec
from llmload.sim.telemetry import Telemetry


def test_the_page_is_valid_for_any_model_name_and_histograms_add_up():
    time = VirtualTime()
    telemetry = Telemetry('a"b\\c\nd')
    for value in (0.0005, 0.07, 0.07, 1000.0):
        telemetry.first_token.observe(value)
    page = telemetry.page(Batch(SimSpec(), time.now, time.call_at))
    families = {family.name: family for family in text_string_to_metric_families(page)}
    samples = families["vllm:time_to_first_token_seconds"].samples
    assert {sample.labels["model_name"] for sample in samples} == {'a"b\\c\nd'}
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.06"], buckets["0.08"], buckets["80.0"], buckets["+Inf"]) == (1, 1, 3, 3, 4)
    assert families["vllm:request_success"].type == "counter"
    assert families["vllm:num_requests_running"].type == "gauge"
