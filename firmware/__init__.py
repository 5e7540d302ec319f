"""The reader: what runs on the board behind the patient's screen."""
