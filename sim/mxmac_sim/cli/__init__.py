"""Commands that a simulator adds to ``mxmac``."""
