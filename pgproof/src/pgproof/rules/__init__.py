"""What is wrong: one file per rule, found by being in the folder of its family."""
