"""Is the person before the camera the person on the card? Arrays in, a decision out."""
