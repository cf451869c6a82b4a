"""Reads a project's own code (models, engine, migrations) in a process of its own, which may reach no database."""
