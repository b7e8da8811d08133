"""Exact accumulation over the full range of scales."""
