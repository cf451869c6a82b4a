"""Rules of the family types; each file is one."""
