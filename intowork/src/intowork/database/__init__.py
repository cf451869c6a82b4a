"""How IntoWork reaches PostgreSQL: engines, pool, waiting, health, capacity and statistics."""
