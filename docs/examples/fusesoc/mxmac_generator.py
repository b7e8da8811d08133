"""Generator for FuseSoC: writes the Verilog of a unit and its core. FuseSoC starts it with the name of a YAML file."""

import re
import subprocess
import sys
from pathlib import Path

import yaml


def main() -> int:
    """Generate what the file asks for, in the working directory."""
    request = yaml.safe_load(Path(sys.argv[1]).read_text())
    parameters = request["parameters"]
    top = parameters["top"]
    command = ["mxmac", "generate"]
    if parameters.get("unit", "mac") == "quantizer":
        command.append("quantizer")
    for name, value in parameters.get("options", {}).items():
        command += [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    status = subprocess.run([*command, "-o", f"{top}.v", "--core"], check=False).returncode
    if status == 0:
        # FuseSoC knows the core under the name that it has given to this request.
        core = Path(f"{top}.core")
        core.write_text(re.sub(r"^name: .*", f"name: {request['vlnv']}", core.read_text(), flags=re.M))
    return status


if __name__ == "__main__":
    sys.exit(main())
