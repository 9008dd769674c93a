from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmload.arrivals.closed import Think, Users, spread
from llmload.arrivals.curves import Constant, Ramp, Steps


def test_users_are_the_curve_to_the_nearest_whole() -> None:
    users = Users(Ramp(0.0, 10.0, 100.0))
    assert [users.count(t) for t in (-1, 0, 4.9, 5, 50, 94.9, 95.1, 100, 101)] == [0, 0, 0, 1, 5, 9, 10, 10, 0]
    assert users.peak() == 10


@given(st.integers(0, 500), st.integers(1, 40))
def test_the_shares_of_all_shards_sum_to_all_users_and_differ_by_one_at_most(count: int, of: int) -> None:
    users = Users(Constant(float(count), 10.0))
    shares = [users.share(5.0, shard, of) for shard in range(of)]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1
    assert shares == [sum(user % of == shard for user in range(count)) for shard in range(of)]


def test_changes_tell_every_share_and_that_all_leave_at_the_end() -> None:
    users = Users(Steps((4.0, 7.0, 7.0, 1.0), 10.0))
    assert list(users.changes(every=0.5)) == [(0.0, 4), (10.0, 7), (30.0, 1), (40.0, 0)]
    assert list(users.changes(every=0.5, shard=1, of=2)) == [(0.0, 2), (10.0, 3), (30.0, 0), (40.0, 0)]


@given(st.integers(2, 2000), st.sampled_from([0.0, 0.01, 1.0, 100.0]), st.floats(1.0, 10_000.0))
def test_first_calls_are_spread_evenly_however_many_users_there_are(users: int, think: float, duration: float) -> None:
    over = min(think or 1.0, duration / 10)
    waits = np.sort([spread(user, think, duration) for user in range(users)])
    assert waits[0] == 0.0
    assert waits[-1] < over
    assert np.diff(waits, append=over).max() <= 3.0 * over / users, "at most three times an even gap"


def test_looking_for_changes_never_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        list(Users(Constant(1.0, 1.0)).changes(every=0.0))


def test_a_fixed_pause_is_always_the_same() -> None:
    assert {Think(1.5).pause(user, turn) for user in range(5) for turn in range(5)} == {1.5}


def test_random_pauses_are_exponential_and_belong_to_user_and_turn() -> None:
    think = pickle.loads(pickle.dumps(Think(2.0, random=True, seed=4)))
    pauses = np.array([[think.pause(user, turn) for turn in range(100)] for user in range(100)])
    assert stats.kstest(pauses.ravel(), "expon", args=(0.0, 2.0)).pvalue > 0.01
    assert abs(np.corrcoef(pauses[:, :-1].ravel(), pauses[:, 1:].ravel())[0, 1]) < 0.04
    assert abs(np.corrcoef(pauses[:-1].ravel(), pauses[1:].ravel())[0, 1]) < 0.04
    assert think.pause(17, 3) == pauses[17, 3]
    assert Think(2.0, random=True, seed=5).pause(17, 3) != pauses[17, 3]
