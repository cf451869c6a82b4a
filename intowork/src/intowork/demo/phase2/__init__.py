"""The platform as it was analysed on 31 December 2025: its models, its engine and its statements, faults included."""
