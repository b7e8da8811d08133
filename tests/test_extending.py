"""The recipes of docs/extending.md, followed to the letter in a copy of the project: its patches apply, its commands pass."""

import re

import pytest

import recipes


@pytest.mark.parametrize("heading", recipes.RECIPES)
def test_a_recipe_does_what_it_says(tmp_path, heading):
    recipes.follow(heading, tmp_path, slow=False)


def test_a_patch_that_no_longer_fits_is_noticed(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(recipes.PAGE.read_text().replace('Format("INT8", 0, 7)', 'Format("INT7", 0, 6)'))
    monkeypatch.setattr(recipes, "PAGE", page)
    with pytest.raises(AssertionError, match=r"rtl/mxmac/formats\.py has this 0 times"):
        recipes.applied("An element format", tmp_path)


def test_every_patch_is_in_a_section_that_is_followed():
    text = recipes.PAGE.read_text()
    assert sum(len(list(recipes.patches(recipes.section(heading)))) for heading in recipes.RECIPES) == text.count("```diff")
    assert set(recipes.RECIPES) < set(re.findall(r"^## (.*)$", text, re.M))
