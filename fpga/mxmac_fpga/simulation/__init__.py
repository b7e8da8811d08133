"""Simulated boards, and faults on the link to them."""
