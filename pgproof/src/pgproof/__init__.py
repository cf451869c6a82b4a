"""pgproof examines a PostgreSQL database and proves that what mends it works."""
