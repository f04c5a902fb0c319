"""Kill the writer and the worker of the outbox at any moment: nothing is lost, nothing counts twice."""

import pytest

from benchmarks.outbox import run


@pytest.mark.slow
def test_kills_lose_and_duplicate_nothing(tmp_path):
    result = run(tmp_path, count=1_500, kills=6, seed=3, limit_s=60)
    assert result["kills"] >= 2
    assert (result["lost"], result["duplicated"]) == (0, 0)
    assert result["states"] == {"pending": 0, "sending": 0, "delivered": 1_500, "dead": 0}
