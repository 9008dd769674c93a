"""The scenario that ``llmload init`` writes: complete, commented, and ready to run against the simulator."""

from __future__ import annotations

from typing import Final

__all__ = ["STARTER"]

STARTER: Final = """\
#:schema ./scenario.schema.json
#
# A load test of an LLM service. Run it as it is, against the embedded simulator:
#
#     llmload run FILE
#
# or against a service of yours:
#
#     export OPENAI_API_KEY=...
#     llmload run FILE --url https://host/v1 --set targets.main.model=my-model
#
# See first what would be sent: llmload plan FILE.  Check the file: llmload validate FILE.
# Editors complete this file once its schema lies beside it: llmload schema > scenario.schema.json

name = "starter"
description = "Does the service answer short chats quickly at a modest rate?"
seed = 1                                  # the same seed sends the same requests at the same times

# What must hold, or the run fails (exit status 1).
objectives = [
    "ttft.p95 < 500ms",                   # time to first token, from the planned time on
    "latency.p99{class=chat} < 10s",
    "errors.rate < 1%",
    "rate.achieved >= 95%",               # of the planned requests that went well
]

[targets.main]
base_url = "${LLMLOAD_URL:-sim:}"         # with the version, as in "https://host/v1"; "sim:" is the simulator
model = "${LLMLOAD_MODEL:-sim-model}"
api_key = { env = "OPENAI_API_KEY" }      # never the key itself; also { file = "..." }, { command = ["..."] }
prices = { input = 0.15, output = 0.60 }  # $ per million tokens; a run that costs more than budget.ask asks first

# The mix: what requests are made of, in proportion to their weights.

[classes.chat]
weight = 80
api = "chat"
stream = true
prompt = { style = "mixed", tokens = [[30, "10..50"], [50, "50..150"], [20, "150..500"]] }
max_tokens = "50..150"
objectives = { ttft = "1s" }              # what one request must keep to count as goodput

[classes.embed]
weight = 20
api = "embeddings"
prompt = { style = "prose", tokens = "20..100" }
batch = "1..8"                            # texts per request

# When requests are made: at this rate, whether or not the service keeps up. For a fixed number of users who wait for
# their answers, give users = 20 and think = "1s" in place of rates.

[load]
process = "poisson"                       # independent users; "uniform" spaces evenly, "gamma" with cv = 2.0 in bursts
max_in_flight = 1000                      # beyond it requests wait, and their waiting counts

[[load.phases]]
name = "warm-up"
duration = "5s"
curve = { type = "ramp", from = "1/s", to = "10/s" }
measure = false                           # left out of the results and objectives

[[load.phases]]
name = "steady"
duration = "25s"
rate = "10/s"

[limits]
first_token = "30s"
total = "2m"

[budget]
ask = 1.0                                 # ask before a run that will cost more dollars
stop = 5.0                                # stop when so much is spent

# Variants, merged over the rest of the file: llmload run FILE --env smoke

[environments.smoke.load]
phases = [{ name = "smoke", duration = "5s", rate = "2/s" }]

# How the embedded simulator behaves. Plant a fault and see it caught.

[sim]
faults = [
    # { kind = "error", rate = "5%", status = 500 },
    # { kind = "slow", route = "chat", factor = 3 },
]
"""
