"""The journey: the analysed database, its faults happening, its migration under traffic, and what came of it."""
