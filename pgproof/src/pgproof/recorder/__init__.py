"""Watches what an application sends to its database: `pgproof record`, and the statement budget of pytest.

What runs inside the application is in `hook/`: it needs the standard library and SQLAlchemy, and nothing of pgproof,
so that an environment without pgproof can be recorded too.
"""
