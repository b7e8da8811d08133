"""The commands of boards, in this process."""

from mxmac_fpga.cli.fpga import fpga_app

__all__ = ["run"]


def run(*arguments):
    """Run a sub-command; what it returns."""
    return fpga_app([*map(str, arguments)], standalone_mode=False)
