"""Stimulus: elements, blocks and dot products, directed and random."""
