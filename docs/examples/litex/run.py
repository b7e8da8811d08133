"""Build and simulate a system on chip with a unit: ``python run.py [OPTION ...]``, with options of ``mxmac generate``.

``--no-cpu`` builds a system whose bus has pins instead of a processor, and the testbench writes and reads the registers.
``--simulator verilator`` takes Verilator instead of Icarus Verilog.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from mxmac import MacConfig
from mxmac.cli.exit_status import with_exit_status
from mxmac.errors import HardwareError, UserError
from mxmac.processes import run_tool
from mxmac_sim.simulators.toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment
from mxmac_sim.testbench.vectors import vectors_of

HERE, BUILD = Path(__file__).parent, Path("build")
#: Dot products of the firmware.
DOTS = 40
#: Prefix of the compiler, and the options of the processor.
GCC = "riscv64-unknown-elf-"
FLAGS = [
    "-march=rv32i",
    "-mabi=ilp32",
    "-Os",
    "-ffreestanding",
    "-nostdlib",
    "-Wall",
    "-Werror",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
]
#: LiteX writes expressions that Verilator warns of.
VERILATOR_FLAGS = ["--binary", "-Wno-fatal", "-CFLAGS", "-std=gnu++20 -fcoroutines", *VERILATOR_BUILD_ARGUMENTS]


def generate(options):
    """Generate the unit; return its manifest."""
    done = run_tool("mxmac", [sys.executable, "-m", "mxmac", "generate", *options, "-o", "unit.v"], cwd=BUILD, check=False)
    if done.status:
        raise UserError("", done.errors.strip())
    manifest = json.loads((BUILD / "unit.json").read_text())
    if manifest["kind"] != "mac" or manifest["config"]["bus"] != "plain":
        raise UserError("", "the unit must be one of dot products with plain ports")
    return manifest


def build(manifest, *, cpu):
    """Write headers, firmware or accesses, and gateware of the system; return its other sources, such as the processor."""
    try:
        from litex.soc.integration import export
        from litex.soc.integration.common import get_mem_data
        from soc import SoC
    except ModuleNotFoundError as error:
        message = f"the package {error.name} is missing; install LiteX: pip install litex migen pythondata-cpu-vexriscv"
        raise UserError("", message) from error
    logging.disable(logging.INFO)
    system = SoC(manifest, cpu=cpu)
    system.finalize()
    registers = export.get_csr_json(system.csr_regions, system.constants, system.mem_regions)
    (BUILD / "csr.json").write_text(registers)
    headers = BUILD / "generated"
    headers.mkdir(exist_ok=True)
    (headers / "csr.h").write_text(export.get_csr_header(system.csr_regions, system.constants))
    (headers / "soc.h").write_text(export.get_soc_header(system.constants))
    registers = json.loads(registers)
    if not cpu:
        write_accesses(manifest, registers)
    else:
        compile_firmware(manifest, registers)
        system.init_rom("rom", get_mem_data(str(BUILD / "firmware.bin"), endianness="little"))
    system.build(build_dir=str(BUILD))
    return [str(file) for file, *_ in system.platform.sources]


def words(manifest, registers):
    """Yield the fields of a beat with their addresses and bits, a word of 32 bits at a time, as they are written."""
    for port in manifest["ports"]:
        if port["role"] == "data" and port["direction"] == "input":
            field = port["name"].partition("_")[2]
            register = registers["csr_registers"][f"unit_{field}"]
            for index in range(register["size"]):
                yield field, register["addr"] + 4 * index, 32 * (register["size"] - 1 - index)


def dots_of(manifest):
    """Return dot products with their results, as lists of beats and as pairs of code and flags: those of the golden model."""
    vectors = vectors_of(MacConfig.from_dict(manifest["config"]))
    dots = [[]]
    for beat in vectors.beats:
        dots[-1].append(beat)
        if beat["last"]:
            dots.append([])
    return [(beats, result["data"], result["status"]) for beats, result in zip(dots[:DOTS], vectors.results, strict=False)]


def write_accesses(manifest, registers):
    """Write the accesses of the testbench without a processor: what the firmware does."""
    write, wait, compare, end = range(4)
    address = {name.removeprefix("unit_"): register["addr"] for name, register in registers["csr_registers"].items()}
    fields, lines = list(words(manifest, registers)), []
    for beats, data, status in dots_of(manifest):
        for beat in beats:
            lines.append((wait, address["ready"], 1))
            lines += [(write, place, beat[field] >> lsb & 0xFFFFFFFF) for field, place, lsb in fields]
            lines.append((write, address["send"], 1))
        lines += [(wait, address["ready"], 2), (compare, address["data"], data), (compare, address["status"], status)]
        lines.append((write, address["take"], 1))
    lines.append((end, 0, 0))
    text = "".join(f"{action:02x}{place:08x}{value:08x}\n" for action, place, value in lines)
    (BUILD / "accesses.hex").write_text(text)


def compile_firmware(manifest, registers):
    """Write the dot products into a header, and compile the firmware."""
    import litex

    fields, dots = list(words(manifest, registers)), dots_of(manifest)
    rows = [[beat[field] >> lsb & 0xFFFFFFFF for field, _, lsb in fields] for beats, _, _ in dots for beat in beats]
    tables = {
        "uint32_t field_address[FIELD_WORDS]": [address for _, address, _ in fields],
        "uint16_t beats_of_dot[DOTS]": [len(beats) for beats, _, _ in dots],
        "uint32_t beats[][FIELD_WORDS]": rows,
        "uint32_t expected[DOTS][2]": [[data, status] for _, data, status in dots],
    }
    text = f"#define DOTS {len(dots)}\n#define FIELD_WORDS {len(fields)}\n"
    for name, values in tables.items():
        text += f"static const {name} = {json.dumps(values).replace('[', '{').replace(']', '}')};\n"
    (BUILD / "vectors.h").write_text(text)
    memories = registers["memories"]
    places = {
        "ROM_BASE": memories["rom"]["base"],
        "ROM_SIZE": memories["rom"]["size"],
        "STACK_TOP": memories["sram"]["base"] + memories["sram"]["size"],
    }
    symbols = [f"-Wl,--defsym={name}={place}" for name, place in places.items()]
    software = Path(litex.__file__).parent / "soc"
    folders = [BUILD.resolve(), software / "software" / "include", software / "cores" / "cpu" / "vexriscv"]
    includes = [word for folder in folders for word in ("-isystem", str(folder))]
    sources = ["-T", str((HERE / "firmware.ld").resolve()), str((HERE / "firmware.c").resolve())]
    run_tool("the RISC-V compiler", [f"{GCC}gcc", *FLAGS, *symbols, *includes, *sources, "-o", "firmware.elf"], cwd=BUILD)
    run_tool("the RISC-V compiler", [f"{GCC}objcopy", "-O", "binary", "firmware.elf", "firmware.bin"], cwd=BUILD)


def simulate(simulator, bench, others):
    """Simulate the system with a testbench, and print what it prints."""
    sources = ["soc.v", "unit.v", *others, str((HERE / f"{bench}.v").resolve())]
    if simulator == "icarus":
        run_tool("Icarus Verilog", ["iverilog", "-g2005", "-s", bench, "-o", f"{bench}.vvp", *sources], cwd=BUILD)
        command = ["vvp", "-n", f"{bench}.vvp"]
    else:
        command = [str(VERILATOR), *VERILATOR_FLAGS, "--top-module", bench, *sources]
        run_tool("Verilator", command, cwd=BUILD, env=environment())
        command = [f"obj_dir/V{bench}"]
    done = run_tool(simulator, command, cwd=BUILD, check=False)
    # The files of memories end where their contents do, which Icarus Verilog remarks on.
    print(*(line for line in done.output.splitlines() if "Not enough words in the file" not in line), sep="\n")
    if done.status:
        raise HardwareError("the unit gives wrong results")


@with_exit_status("run.py")
def main():
    """Build and simulate the system on chip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-cpu", action="store_true")
    parser.add_argument("--simulator", choices=["icarus", "verilator"], default="icarus")
    arguments, options = parser.parse_known_args()
    BUILD.mkdir(exist_ok=True)
    manifest = generate(options or ["--lanes", "4"])
    others = build(manifest, cpu=not arguments.no_cpu)
    simulate(arguments.simulator, "bus_tb" if arguments.no_cpu else "soc_tb", others)


if __name__ == "__main__":
    sys.exit(main())
