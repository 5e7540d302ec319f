"""Boards of the reader: the device contracts, drivers on real parts, and the virtual reader."""
