"""Files that list the sources of a unit, or constrain them: SDC, file list, Bender manifest, FuseSoC core."""

from .subject import Subject

__all__ = ["bender", "core", "filelist", "sdc"]


def sdc(subject: Subject) -> str:
    """Return timing constraints: the clock, and no exceptions."""
    return f"""# Timing constraints of {subject.top}, made by {subject.made_by}.
# Every path takes one cycle of {subject.clock}: there are no exceptions.
# The period is in ns; set it to that of your design.
create_clock -name {subject.clock} -period 10.000 [get_ports {subject.clock}]
"""


def _sources(subject: Subject) -> list[str]:
    """Return the sources for synthesis, those that others depend on first."""
    return [subject.verilog, *(subject.files[kind] for kind in ("sv",) if kind in subject.files)]


def filelist(subject: Subject) -> str:
    """Return a list of the sources, as simulators read it with ``-f``."""
    about = f"// Sources of {subject.top}, made by {subject.made_by}; read in their folder with -f, or from elsewhere with -F."
    return "\n".join([about, *map(_quoted, _sources(subject)), ""])


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def bender(subject: Subject) -> str:
    """Return the manifest of a package for Bender."""
    lines = [
        f"# Package of {subject.top}, made by {subject.made_by}.",
        "package:",
        f"  name: {subject.top}",
        "sources:",
        *(f'  - "{name}"' for name in _sources(subject)),
    ]
    if "testbench" in subject.files:
        lines += ["  - target: simulation", f'    files: ["{subject.files["testbench"]}"]']
    return "\n".join([*lines, ""])


def core(subject: Subject) -> str:
    """Return a core description file for FuseSoC, with a target for lint and, with a testbench, one for simulation."""
    top = subject.top
    lines = [
        "CAPI=2:",
        f"# {top}, made by {subject.made_by}.",
        f"name: mxmac:unit:{top}:{subject.manifest['version']}",
        f"description: {subject.manifest['command']}",
        "filesets:",
        "  rtl:",
        f'    files: ["{subject.verilog}"]',
        "    file_type: verilogSource-2005",
    ]
    rtl = ["rtl"]
    if "sv" in subject.files:
        rtl.append("wrapper")
        lines += ["  wrapper:", f'    files: ["{subject.files["sv"]}"]', "    file_type: systemVerilogSource"]
    if "testbench" in subject.files:
        lines += ["  testbench:", f'    files: ["{subject.files["testbench"]}"]', "    file_type: verilogSource-2005"]
    lines += [
        "targets:",
        "  default:",
        f"    filesets: [{', '.join(rtl)}]",
        "  lint:",
        f"    filesets: [{', '.join(rtl)}]",
        f"    toplevel: {top}{'_wrapper' if 'sv' in subject.files else ''}",
        "    flow: lint",
        "    flow_options: {tool: verilator, verilator_options: [-Wall]}",
    ]
    if "testbench" in subject.files:
        lines += ["  sim:", "    filesets: [rtl, testbench]", f"    toplevel: {top}_tb"]
        lines += ["    flow: sim", "    flow_options: {tool: icarus}"]
    return "\n".join([*lines, ""])
