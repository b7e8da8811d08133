"""Results as JUnit XML, the format in which CI systems read tests."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

__all__ = ["Case", "Suite", "junit_text"]

#: Characters that XML does not have, not even escaped.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test.

    Members
    -------
    name : str
    seconds : float
    kind : str
        "failure" if the hardware is wrong, "error" if there is no verdict, empty if the test has passed.
    message, text : str
        What is wrong in one line, and in detail.
    """

    name: str
    seconds: float = 0
    kind: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True)
class Suite:
    """Tests that belong together.

    Members
    -------
    name : str
    cases : sequence of Case
    properties : mapping of str to object
        What the tests depend on, such as configuration and versions.
    output : str
        More about all of them, such as names of files.
    seconds : float or None
        Time of the suite; by default the sum of the times of its tests.
    """

    name: str
    cases: Sequence[Case]
    properties: Mapping[str, object] = field(default_factory=dict)
    output: str = ""
    seconds: float | None = None


def junit_text(name: str, suites: Sequence[Suite], *, timestamp: str, seconds: float) -> str:
    """Return test suites as JUnit XML.

    Parameters
    ----------
    name : str
        Of all of them together, such as that of the command.
    suites : sequence of Suite
    timestamp : str
        When they began, in the form of ISO 8601.
    seconds : float
        Time of all of them.
    """
    every = [case for suite in suites for case in suite.cases]
    root = ElementTree.Element("testsuites", _attributes(name, every, seconds, timestamp))
    for suite in suites:
        took = sum(case.seconds for case in suite.cases) if suite.seconds is None else suite.seconds
        node = ElementTree.SubElement(root, "testsuite", _attributes(suite.name, suite.cases, took, timestamp))
        properties = ElementTree.SubElement(node, "properties")
        for key, value in suite.properties.items():
            ElementTree.SubElement(properties, "property", name=_clean(key), value=_clean(str(value)))
        for case in suite.cases:
            test = ElementTree.SubElement(node, "testcase", classname=f"{name}.{suite.name}".replace(" ", "."))
            test.attrib.update(name=_clean(case.name), time=f"{case.seconds:.3f}")
            if case.kind:
                ElementTree.SubElement(test, case.kind, type=case.kind, message=_clean(case.message)).text = _clean(case.text)
        if suite.output:
            ElementTree.SubElement(node, "system-out").text = _clean(suite.output)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _attributes(name: str, cases: Sequence[Case], seconds: float, timestamp: str) -> dict[str, str]:
    kinds = [case.kind for case in cases]
    counts = {"tests": len(cases), "failures": kinds.count("failure"), "errors": kinds.count("error"), "skipped": 0}
    numbers = {key: str(count) for key, count in counts.items()}
    return {"name": name, **numbers, "time": f"{seconds:.3f}", "timestamp": timestamp}


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("�", text)
