"""The one error that a user can cause, and files that are written whole or not at all."""

__all__ = ["UserError"]


class UserError(ValueError):
    """A mistake in what the user gave, told in one line.

    Parameters
    ----------
    what : str
        The option or file at fault, as the user wrote it without dashes (``"lanes"``, ``"x.npz"``).
    message : str
        What is wrong with it, and what would be accepted.
    """

    def __init__(self, what: str, message: str):
        super().__init__(message)
        self.what = what
