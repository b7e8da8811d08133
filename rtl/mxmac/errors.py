"""The error that a user can cause."""

__all__ = ["UserError"]


class UserError(ValueError):
    """Value that is not accepted, in one line.

    Parameters
    ----------
    parameter : str
        Name of the Python parameter (``"window_guard"``), which the command line shows as its option; or a file, by its path.
    message : str
        What is wrong, and what is accepted: a predicate of the parameter in lower case ("must be 0 to 79, not -1"), or a
        sentence.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(parameter, message)
        self.parameter = parameter
        self.message = message

    def __str__(self) -> str:
        separator = " " if self.message[:1].islower() else ": "
        return f"{self.parameter}{separator}{self.message}"
