"""Area and speed of units and their parts, by the open tools."""
