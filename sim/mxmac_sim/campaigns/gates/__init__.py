"""Netlists after synthesis, compared with the golden model."""
