"""What keeps the platform running: migrations, clean-ups, and later backups."""
