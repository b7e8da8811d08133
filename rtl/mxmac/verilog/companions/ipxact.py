"""IP-XACT (IEEE 1685-2022): a component with its ports and files."""

from xml.etree import ElementTree

from .subject import Subject

__all__ = ["ipxact"]

_NAMESPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2022"
_KINDS = {"verilog": "verilogSource", "sv": "systemVerilogSource", "vhdl": "vhdlSource", "sdc": "SDC"}


def ipxact(subject: Subject) -> str:
    """Return the component of a unit."""
    ElementTree.register_namespace("ipxact", _NAMESPACE)
    component = ElementTree.Element(f"{{{_NAMESPACE}}}component")
    for name, text in (
        ("vendor", "mxmac"),
        ("library", "unit"),
        ("name", subject.top),
        ("version", subject.manifest["version"]),
        ("description", subject.manifest["command"]),
    ):
        _add(component, name, text)
    model = _add(component, "model")
    view = _add(_add(model, "views"), "view")
    _add(view, "name", "rtl")
    _add(view, "componentInstantiationRef", "rtl")
    instantiation = _add(_add(model, "instantiations"), "componentInstantiation")
    _add(instantiation, "name", "rtl")
    _add(instantiation, "language", "verilog")
    _add(instantiation, "moduleName", subject.top)
    _add(_add(instantiation, "fileSetRef"), "localName", "rtl")
    ports = _add(model, "ports")
    for each in subject.ports:
        port = _add(ports, "port")
        _add(port, "name", each["name"])
        _add(port, "description", each["about"])
        wire = _add(port, "wire")
        _add(wire, "direction", "in" if each["direction"] == "input" else "out")
        _add_qualifier(wire, subject, each["role"])
        if each["width"] > 1:
            vector = _add(_add(wire, "vectors"), "vector")
            _add(vector, "left", str(each["width"] - 1))
            _add(vector, "right", "0")
    _add_files(component, subject)
    ElementTree.indent(component)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(component, encoding="unicode")}\n'


def _add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    child.text = text
    return child


def _add_qualifier(wire: ElementTree.Element, subject: Subject, role: str) -> None:
    """State what a clock or a reset is."""
    if role == "clock":
        _add(_add(wire, "qualifier"), "isClock", "true")
    elif role == "reset":
        reset = _add(_add(wire, "qualifier"), "isReset", "true")
        reset.set("level", subject.manifest["reset"]["active"])


def _add_files(component: ElementTree.Element, subject: Subject) -> None:
    """List the Verilog and, in sets of their own, the companion files that are sources."""
    sets = _add(component, "fileSets")
    for kind, name in {"verilog": subject.verilog, **subject.files}.items():
        if kind in _KINDS:
            file_set = _add(sets, "fileSet")
            _add(file_set, "name", "rtl" if kind == "verilog" else kind)
            file = _add(file_set, "file")
            _add(file, "name", name)
            _add(file, "fileType", _KINDS[kind])
