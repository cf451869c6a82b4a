from intowork.testing import factory, head_database, head_template, platform

__all__ = ["factory", "head_database", "head_template", "platform"]
