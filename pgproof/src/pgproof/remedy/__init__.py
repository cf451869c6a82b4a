"""What to do: operations that mend a schema, each with its way back, its lock and what that blocks."""
