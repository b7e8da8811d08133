"""Host software: the link to a board and dot products through it."""
