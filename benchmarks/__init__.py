"""How fast the desk is, measured: `python -m benchmarks [name…] [--quick]`."""

from core.threads import compute_in_one_thread

compute_in_one_thread()  # as a worker does; here is the last place before numpy is imported
