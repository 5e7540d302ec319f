"""Drivers for real parts under Linux."""
