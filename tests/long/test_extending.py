"""The commands of docs/extending.md that compile or route."""

import pytest

import recipes


@pytest.mark.parametrize("heading", recipes.SLOW_RECIPES)
def test_the_benches_and_builds_of_a_recipe_pass(tmp_path, heading):
    recipes.follow(heading, tmp_path, slow=True)
