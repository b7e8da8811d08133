"""Depths of the pipeline, and elements multiplied as integers, change no result: all that are offered."""

import pytest

from pipelines import check_results, described, units


@pytest.mark.parametrize("config", list(units()), ids=described)
def test_results_are_the_same(config, tmp_path):
    check_results(config, tmp_path)
