"""`python -m benchmarks [NAME …] [--quick]`: the same as `nightdesk bench`."""

import argparse
import sys

from benchmarks.run import NAMES, run_benchmarks


def main() -> int:
    """Read what is wanted, and run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the desk on this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(NAMES)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="a look of a few minutes instead of a result")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; expected {', '.join(NAMES)}")
    return run_benchmarks(set(arguments.names or NAMES), is_quick=arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
