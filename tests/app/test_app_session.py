"""Before a run: what its workers can't share is refused."""

from __future__ import annotations

import pytest
from virtual_run import plan_of

from llmload.app.session import Options, run_plan
from llmload.errors import UsageError

BASE = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
[load]
rate = "5/s"
duration = "5s"
"""


@pytest.mark.parametrize("cap", ["load.max_in_flight=2", "load.users=2"])
def test_a_cap_is_never_shared_by_more_workers_than_it_has_places(cap: str) -> None:
    """A worker without a place would keep its share of the schedule waiting for ever."""
    with pytest.raises(UsageError, match="use --workers 2"):
        run_plan(plan_of(BASE, cap), Options(workers=3))
