"""``mxmac verify`` as a library: which benches a subject has, and how they run."""
