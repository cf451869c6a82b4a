"""Employers: who recruits for a company."""
