"""Rules of the family indexes; each file is one."""
