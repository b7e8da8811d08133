"""The demo that recognises handwritten digits."""
