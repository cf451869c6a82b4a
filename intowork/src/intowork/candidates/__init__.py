"""Candidates and their profiles."""
