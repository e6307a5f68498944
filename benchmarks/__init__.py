"""How fast the desk is, measured: `python -m benchmarks [name…] [--quick]`."""
