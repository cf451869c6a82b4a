"""How a row says that it is deleted and stays."""

MARKS = ("deleted", "is_deleted", "soft_deleted", "deleted_at", "deleted_on", "deleted_date", "deletion_date")
"""Names by which ORMs and their extensions mark a row as deleted."""
