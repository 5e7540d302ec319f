"""The demo: starts reader, bridge and cable, and plays visits."""
