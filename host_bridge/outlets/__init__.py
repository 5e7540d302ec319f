"""Ways by which a stored visit leaves the bridge."""
