"""How many threads numbers are computed on."""

import os

# Those that numpy's and SciPy's packages bring, and what others build them with.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def compute_in_one_thread() -> None:
    """Let products of matrices stay in their caller's thread, unless the environment says otherwise.

    Has an effect only before numpy is first imported. Ours are so small that the threads beside them do nothing but
    wait, and they wait busily: on two cores a turn took 66 ms of CPU instead of 39.
    """
    for variable in _VARIABLES:
        os.environ.setdefault(variable, "1")
