"""IP-XACT (IEEE 1685-2022): a component with its interfaces, ports and files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from .subject import Subject

__all__ = ["ipxact"]

_NAMESPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2022"
_KINDS = {"verilog": "verilogSource", "sv": "systemVerilogSource", "vhdl": "vhdlSource", "sdc": "SDC"}
#: Logical ports of AXI4-Stream that have a physical one wherever the unit has it.
_AXIS = ("TVALID", "TREADY", "TDATA", "TSTRB", "TKEEP", "TLAST", "TID", "TDEST", "TUSER")


@dataclass(frozen=True)
class _Interface:
    """Bus interface of a component.

    Members
    -------
    name : str
    vendor, library, bus, version : str
        Name of the bus definition; that of its abstraction ends in ``_rtl``.
    mode : str
        ``initiator`` or ``target``.
    ports : mapping of str to str
        Physical ports by their logical ones.
    parameters : mapping of str to str
        Values of strings by their names.
    """

    name: str
    vendor: str
    library: str
    bus: str
    version: str
    mode: str
    ports: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)


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
    interfaces = _add(component, "busInterfaces")
    for interface in _interfaces(subject):
        _add_interface(interfaces, interface)
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


def _interfaces(subject: Subject) -> list[_Interface]:
    """Return both streams, if they are AXI4-Stream, the clock and the reset.

    AMBA's own definition has the streams. Clock and reset have those of Vivado, which other tools know too, for the standard
    defines none.
    """
    names = {port["name"] for port in subject.ports}
    interfaces = []
    if subject.manifest["config"]["bus"] == "axis":
        for direction, mode in (("input", "target"), ("output", "initiator")):
            prefix = subject.stream(direction).prefix
            ports = {name: f"{prefix}{name.lower()}" for name in _AXIS if f"{prefix}{name.lower()}" in names}
            interfaces.append(_Interface(prefix.rstrip("_"), "amba.com", "AMBA4", "AXI4Stream", "r0p0_1", mode, ports))
    clocked = {"ASSOCIATED_RESET": subject.reset}
    if interfaces:
        clocked["ASSOCIATED_BUSIF"] = ":".join(interface.name for interface in interfaces)
    level = {"POLARITY": f"ACTIVE_{subject.manifest['reset']['active'].upper()}"}
    signal = ("xilinx.com", "signal")
    interfaces.append(_Interface(subject.clock, *signal, "clock", "1.0", "target", {"CLK": subject.clock}, clocked))
    interfaces.append(_Interface(subject.reset, *signal, "reset", "1.0", "target", {"RST": subject.reset}, level))
    return interfaces


def _add_interface(parent: ElementTree.Element, interface: _Interface) -> None:
    element = _add(parent, "busInterface")
    _add(element, "name", interface.name)
    definition = {"vendor": interface.vendor, "library": interface.library, "name": interface.bus, "version": interface.version}
    _add(element, "busType").attrib.update(definition)
    abstraction = _add(_add(element, "abstractionTypes"), "abstractionType")
    _add(abstraction, "abstractionRef").attrib.update(definition | {"name": f"{interface.bus}_rtl"})
    maps = _add(abstraction, "portMaps")
    for logical, physical in interface.ports.items():
        mapped = _add(maps, "portMap")
        _add(_add(mapped, "logicalPort"), "name", logical)
        _add(_add(mapped, "physicalPort"), "name", physical)
    _add(element, interface.mode)
    if interface.parameters:
        parameters = _add(element, "parameters")
        for name, value in interface.parameters.items():
            parameter = _add(parameters, "parameter")
            parameter.attrib.update(parameterId=f"{interface.name}_{name}", type="string")
            _add(parameter, "name", name)
            # The value is an expression.
            _add(parameter, "value", f'"{value}"')


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
