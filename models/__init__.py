"""Builds, checks and calibrates the neural networks that the reader runs."""
