"""The long tests: kills, faults, flipped bits, fuzz. `make torture` runs all and writes docs/torture.md; the tests run a few."""
