"""Units whose companion files are tested, and tools that read those files."""

import json
import shutil
import subprocess

import pytest
from pyslang.driver import Driver

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import generate, generate_quantizer, write
from mxmac.verilog.companions import COMPANIONS

UNITS = {
    "unit": MacConfig(a="E2M1", b=["E2M1", "E4M3"], block=4, lanes=2, accumulator="window", output="bf16"),
    "Unit_One": MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, accumulator="window"),
    "quant": QuantizerConfig(to="E2M1", block=2, lanes=2, rules=["floor", "even"], reset="async-low"),
    "axis": MacConfig(a="E2M1", b=["E3M2", "E2M1"], block=2, lanes=2, accumulator="window", reset="async-low", bus="axis"),
}
each_unit = pytest.mark.parametrize("top", UNITS)


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def made_folders(tmp_path_factory):
    """All files of each unit, in folders of their own."""
    made = {}
    for top, config in UNITS.items():
        made[top] = tmp_path_factory.mktemp(top)
        design = generate(config, top) if isinstance(config, MacConfig) else generate_quantizer(config, top)
        write(design, made[top] / f"{top}.v", COMPANIONS)
    return made


def run(*command, cwd, **options):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def ports_of(folder, top):
    return json.loads((folder / f"{top}.json").read_text())["ports"]


def slang(*arguments):
    """Elaborate with slang; the number of its errors and warnings."""
    driver = Driver()
    driver.addStandardArgs()
    assert driver.parseCommandLine(" ".join(["slang", *map(str, arguments)]))
    assert driver.processOptions()
    driver.parseAllSources()
    compilation = driver.createCompilation()
    driver.reportCompilation(compilation, True)
    driver.reportDiagnostics(True)
    return driver.diagEngine.numErrors + driver.diagEngine.numWarnings
