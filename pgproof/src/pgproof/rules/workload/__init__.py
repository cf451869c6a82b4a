"""Rules of the family workload; each file is one."""
