"""The bridge on the qualification terminal: it verifies visits, stores them and hands them on."""
