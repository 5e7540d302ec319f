"""The virtual reader: parts that behave like the real ones and need no hardware."""
