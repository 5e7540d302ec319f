"""The reader's end of the link: its identity, whom it trusts, and the questions it asks the terminal."""
