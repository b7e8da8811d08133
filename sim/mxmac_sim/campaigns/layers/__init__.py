"""Linear layers of a real model, on the simulated hardware."""
