"""The link to the terminal, pure: bytes in, bytes and events out. PROTOCOL.md describes the layers."""
