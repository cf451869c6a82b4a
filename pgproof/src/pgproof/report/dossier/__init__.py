"""The reports that people hand on: one value, rendered for the engineer, the manager and the team."""
