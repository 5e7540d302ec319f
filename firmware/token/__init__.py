"""The visit token and the card's evidence beside it: made by the reader, verified by the bridge. Pure functions."""
