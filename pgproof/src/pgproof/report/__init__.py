"""One audit becomes every format that people and programs read."""
