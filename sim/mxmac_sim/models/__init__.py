"""Models whose matrix products the hardware can compute."""
