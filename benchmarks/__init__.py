"""The numbers of the README, measured; `make bench` writes them to benchmarks/results/."""
