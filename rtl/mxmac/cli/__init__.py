"""The ``mxmac`` command and its options."""
