"""Rules of the family operations; each file is one."""
