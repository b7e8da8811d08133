"""Commands that boards and reports add to ``mxmac``."""
