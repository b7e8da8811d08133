"""Long campaigns: proofs, mutation, gate-level netlists, soak, layers of a model."""
