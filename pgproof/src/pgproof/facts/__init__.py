"""What is: catalog and statistics, read once, in SQL files that can be reviewed."""
