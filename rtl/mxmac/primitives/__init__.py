"""Gates that several stages use: shifters, carry chains, queues, delays."""
