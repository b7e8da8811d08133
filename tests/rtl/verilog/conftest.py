"""Fixtures of the tests of companion files."""

import pytest

from companion_files import made_folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """All files of each unit, in folders of their own."""
    return made_folders(tmp_path_factory)


@pytest.fixture
def folder(folders, top):
    return folders[top]
