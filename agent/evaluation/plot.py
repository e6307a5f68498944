"""The risk–coverage curve as a picture: how many are wrong, if the surest share is answered."""

from collections.abc import Mapping
from pathlib import Path

from agent.evaluation.measures import Flags, Scores, trace_risk
from core.errors import OperatorError


class PlotterMissing(OperatorError):
    """matplotlib is not installed, so there is no picture; the figures are complete without it."""


def plot_risk_coverage(curves: Mapping[str, tuple[Scores, Flags]], folder: Path) -> list[Path]:
    """Draw one curve per set, from trusts and whether the guesses were right; returns the SVG and the PNG.

    Raises PlotterMissing where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # optional
    except ImportError:
        raise PlotterMissing("no picture of the risk–coverage curve: pip install matplotlib") from None
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, (trust, is_right) in curves.items():
        coverage, risk = trace_risk(trust, is_right)
        axes.plot(coverage * 100, risk * 100, label=name, linewidth=1.5)
    axes.axhline(2, color="grey", linestyle=":", linewidth=1)
    axes.set(xlim=(0, 100), ylim=(0, None), xlabel="answered, % (the surest first)", ylabel="of these wrong, %")
    axes.set_title("Risk–coverage: what it costs to answer more")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"risk-coverage.{kind}" for kind in ("svg", "png")]
    for path in paths:
        figure.savefig(path, dpi=150)
    return paths
