"""Gateware around a unit: UART, framing, sequencer, accelerator."""
