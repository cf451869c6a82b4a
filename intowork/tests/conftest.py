from intowork.testing import _shared_engine, factory, head_database, head_template, platform

__all__ = ["_shared_engine", "factory", "head_database", "head_template", "platform"]
