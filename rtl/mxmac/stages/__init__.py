"""Stages of the datapath, from element codes to rounded results, and the layouts between them."""
