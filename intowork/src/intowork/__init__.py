"""IntoWork, a recruitment platform on PostgreSQL whose database is measured."""
