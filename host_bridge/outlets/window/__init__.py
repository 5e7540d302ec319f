"""The window: the page on which the reception sees visits arrive."""
