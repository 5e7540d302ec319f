"""The virtual reader in a browser: its screen and keypad, and beside them the physical world to be handled."""
