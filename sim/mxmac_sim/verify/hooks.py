"""Runners of cocotb for the simulators that benches run on."""

import logging
import os
from pathlib import Path

from cocotb_tools import runner as cocotb_runner

from mxmac.processes import Finished, Processes

from ..simulators.toolchain import VERILATOR, environment

__all__ = ["HOOKS", "CommandError", "Hooks"]

#: Compilers take three times as long for what Verilator's makefile asks for, and the simulation is no faster.
_OPTIMIZATION = "OPT_FAST=-Og"


class CommandError(Exception):
    """A command of cocotb's runner has failed.

    Members
    -------
    tool : str
        Name of its program.
    done : Finished
    """

    def __init__(self, tool: str, done: Finished):
        super().__init__(tool)
        self.tool, self.done = tool, done


class Hooks(cocotb_runner.Runner):
    """Runner of cocotb that finds programs where they are, and starts them among others."""

    def __init__(self, processes: Processes):
        super().__init__()
        self._processes = processes
        #: Arguments of make that link Verilator's own library.
        self.linked: list[str] = []
        self.log.setLevel(logging.CRITICAL)

    def _set_env_common(self):
        super()._set_env_common()
        tools = environment()
        self.env |= {name: tools[name] for name in ("PATH", "VERILATOR_ROOT")}
        # Not those of a make that may have started us.
        self.env.pop("MAKEFLAGS", None)

    def _execute_cmds(self, cmds, cwd, stdout=None):
        for command in cmds:
            tool = Path(command[0]).name
            if Path(cwd) == self.build_dir:
                command = [self._relative(argument) for argument in command]
            done = self._processes.run(tool, command, cwd=Path(cwd), env=self.env, log=stdout, check=False)
            if done.status:
                raise CommandError(tool, done)

    def _relative(self, argument: str) -> str:
        """Name a file in the build folder without the folder: make takes no names with spaces."""
        return "." if argument == str(self.build_dir) else argument.removeprefix(f"{self.build_dir}{os.sep}")


class VerilatorHooks(Hooks, cocotb_runner.Verilator):
    def _simulator_in_path_build_only(self):
        self.executable = str(VERILATOR)

    def _build_command(self):
        verilate, make = super()._build_command()
        verilate.remove("--public-flat-rw")
        return [verilate, [*make, "CURDIR=.", _OPTIMIZATION, "VM_USER_CLASSES=", *self.linked]]

    def _execute_cmds(self, cmds, cwd, stdout=None):
        super()._execute_cmds(cmds[:1], cwd, stdout)
        if cmds[1:]:
            # As a part of the model, cocotb's main() needs none of the headers for itself.
            main = next(argument for argument in cmds[0] if argument.endswith(".cpp"))
            with (self.build_dir / "Vtop.cpp").open("a") as model:
                model.write(f'#include "{main}"\n')
            super()._execute_cmds(cmds[1:], cwd, stdout)


class IcarusHooks(Hooks, cocotb_runner.Icarus):
    pass


#: Runner of each simulator.
HOOKS: dict[str, type[Hooks]] = {"verilator": VerilatorHooks, "icarus": IcarusHooks}
