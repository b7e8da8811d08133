"""The error that a user can cause."""

import pickle

import pytest

from mxmac.errors import UserError


@pytest.mark.parametrize(
    ("parameter", "message", "text"),
    [
        ("window_guard", "must be 0 to 79, not -1", "window_guard must be 0 to 79, not -1"),
        ("x.npz", "It has no array 'a'", "x.npz: It has no array 'a'"),
    ],
)
def test_an_error_starts_with_its_parameter(parameter, message, text):
    error = UserError(parameter, message)
    again = pickle.loads(pickle.dumps(error))
    assert str(error) == str(again) == text
    assert (again.parameter, again.message) == (parameter, message)
