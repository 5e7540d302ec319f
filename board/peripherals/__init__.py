"""Small parts on the board's pins."""
