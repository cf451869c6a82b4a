"""Rows made from what the server knows of a table's rows, without any of their values."""
