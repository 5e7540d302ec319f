"""A virtual My Number Card on a virtual tray: files, keys and manners of the chip as published observations have them.

README.md says what is modelled, what is assumed and what is not there.
"""
