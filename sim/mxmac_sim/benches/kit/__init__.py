"""Parts that benches share: clock and reset, streams, pauses, report."""
