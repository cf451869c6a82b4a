"""A fault of integrity, shown happening on a scratch copy, as a script one can paste."""
