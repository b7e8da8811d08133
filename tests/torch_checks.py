"""What tests with PyTorch share: the package, which `make long` installs, or a reason to skip."""

import pytest

__all__ = ["torch_or_skip"]


def torch_or_skip():
    """Return PyTorch; without it, skip the module."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'mxmac[torch]', or `make long`")
