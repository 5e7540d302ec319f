"""Pages for a browser on this machine alone: what the staff's page and the virtual reader's page share."""
