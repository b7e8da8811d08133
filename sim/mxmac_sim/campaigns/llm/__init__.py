"""A language model that answers a question, with every linear layer on the simulated hardware."""
