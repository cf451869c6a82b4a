"""Rules of the family integrity; each file is one."""
