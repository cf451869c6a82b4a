"""Does a migration hold: run up, down and up on scratch copies, under traffic and under kills, and measured."""
