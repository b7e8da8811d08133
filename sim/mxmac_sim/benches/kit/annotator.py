"""Drives the annotations of a waveform while a bench runs."""

from collections.abc import Callable
from typing import Any

from cocotb.triggers import ReadWrite

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

from .annotations import annotations, encoded

__all__ = ["Annotator"]


class Annotator:
    """Keeps the annotations of a top module as a run describes them.

    Parameters
    ----------
    dut : cocotb handle
        Top module, with a signal for each annotation of the configuration.
    config : MacConfig or QuantizerConfig
    test : str
        Name of the test that runs.
    """

    def __init__(self, dut: Any, config: MacConfig | QuantizerConfig, test: str):
        self._test = {"test": test}
        self._signals = {signal: getattr(dut, signal.name) for signal in annotations(config)}
        self._shown: dict[str, str] = {}
        self._describe: Callable[[], dict[str, str]] = dict

    def follow(self, describe: Callable[[], dict[str, str]]):
        """Ask ``describe`` from now on: it returns the texts of the present cycle by name; others are empty."""
        self._describe = describe

    async def show(self):
        """Show the texts of a cycle, once its inputs are driven and registers have changed."""
        await ReadWrite()
        self._put(self._describe())

    def clear(self):
        """Show no text but the name of the test."""
        self._put({})

    def _put(self, texts: dict[str, str]):
        texts = self._test | texts
        for signal, handle in self._signals.items():
            text = texts.get(signal.name, "")
            if text != self._shown.get(signal.name):
                handle.value = encoded(text, signal)
                self._shown[signal.name] = text
