"""What the patient sees: one screen per file, drawn as a picture with named areas to touch."""
