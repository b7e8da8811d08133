"""Boards: pins, PLLs, builds and flashing."""
