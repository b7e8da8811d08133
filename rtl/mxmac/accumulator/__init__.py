"""The accumulators: one interface, three points of cost and accuracy."""
