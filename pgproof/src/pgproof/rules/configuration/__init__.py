"""Rules of the family configuration; each file is one."""
