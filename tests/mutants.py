"""Hardware with one thing wrong, to see whether the tests tell."""

import importlib
import inspect
import textwrap
from dataclasses import dataclass

__all__ = ["Mutant"]


@dataclass(frozen=True)
class Mutant:
    """A function of the hardware in which one text is replaced by another.

    Members
    -------
    function : str
        ``module:name`` or ``module:Class.name``, in the package ``mxmac``.
    right, wrong : str
        What there is in it, exactly once, and what takes its place.
    """

    function: str
    right: str
    wrong: str

    def put_in(self, monkeypatch):
        """Put the wrong function in the place of the right one."""
        owner, name, right, source = self._found()
        scope: dict = {}
        exec(compile(source.replace(self.right, self.wrong), f"<mutant of {self.function}>", "exec"), right.__globals__, scope)
        monkeypatch.setattr(owner, name, scope[name])

    def check(self):
        """Fail if the function has not exactly one of the text."""
        self._found()

    def _found(self):
        module, _, path = self.function.partition(":")
        *owner_path, name = path.split(".")
        owner = importlib.import_module(f"mxmac.{module}")
        for part in owner_path:
            owner = getattr(owner, part)
        right = inspect.unwrap(getattr(owner, name))
        source = textwrap.dedent(inspect.getsource(right))
        assert source.count(self.right) == 1, f"{self.function} has not exactly one {self.right!r}"
        return owner, name, right, source
