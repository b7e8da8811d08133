"""Checks of a board's design, for tests with small and with whole units."""

import re

from mxmac_fpga.boards.toolchains import Tools
from mxmac_fpga.boards.top import BoardTop

__all__ = ["check_design"]


def check_design(board, folder):
    """Check the files that the tools of a board are given: they name its pins, and nothing of this machine."""
    top = BoardTop(board)
    assert top.accelerator.facts.clock_hz == top.clock_hz
    assert top.accelerator.facts.baud == board.baud
    Tools(top, board.make_platform(), folder)
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    pins = next(text for file, text in texts.items() if file.endswith((".pcf", ".lpf", ".cst")))
    for pin in ("uart_0__rx", "uart_0__tx", *(led for led, *_ in board.leds.values())):
        assert pin in pins
    for text in texts.values():
        # Addresses of objects would make two builds differ, as would paths.
        assert not re.search(r"(?<![\w$.\\])/(?:usr|home|root|work|tmp|opt|var)/|\.py:|\bat 0x[0-9a-f]+", text)
