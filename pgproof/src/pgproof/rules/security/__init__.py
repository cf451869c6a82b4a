"""Rules of the family security; each file is one."""
