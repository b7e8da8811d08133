"""The quantizer: from floats to MX elements and their UE8M0 scales."""
