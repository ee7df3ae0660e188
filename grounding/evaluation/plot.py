"""The figures of an evaluation as a picture: bars with intervals, and the risk-coverage curves."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from grounding.errors import InvalidRequest, MissingDependency
from grounding.evaluation.measure import MEASURES
from grounding.evaluation.record import Evaluation
from grounding.evaluation.summary import Summary

SUFFIXES = (".svg", ".png")


def require(file: Path) -> None:
    """Raises InvalidRequest for a kind of file that cannot be drawn, MissingDependency without the library."""
    if file.suffix.lower() not in SUFFIXES:
        raise InvalidRequest(f"{file}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise MissingDependency("matplotlib", purpose="a plot", command="pip install 'grounding[eval]'")


def draw(evaluation: Evaluation, summary: Summary, file: Path) -> None:
    """Draws the measures of each run with their 95 % intervals, and the risk-coverage curves if there are any."""
    require(file)
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    def bars(axes: Axes) -> None:
        runs = summary.all.runs
        width = 0.8 / len(runs)
        for number, (run, scores) in enumerate(runs.items()):
            places = [place + (number - (len(runs) - 1) / 2) * width for place in range(len(MEASURES))]
            found = [scores[measure] for measure in MEASURES]
            errors = [[max(0.0, s.mean - s.low) for s in found], [max(0.0, s.high - s.mean) for s in found]]
            axes.bar(places, [s.mean for s in found], width, yerr=errors, capsize=2, label=run)
        axes.set_xticks(range(len(MEASURES)), list(MEASURES))
        axes.set_ylim(0, 1)
        axes.set_title(f"{evaluation.name}: {summary.all.queries:,} queries, 95 % intervals")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=len(runs), frameon=False, fontsize="small")

    def curves(axes: Axes) -> None:
        item = summary.abstention[0]
        for score, curve in item.curves.items():
            axes.plot(curve.coverage, curve.risk, label=f"{score}, area {curve.area:.3f}")
        axes.axhline(item.chance, color="grey", linestyle=":", label=f"any order, area {item.chance:.3f}")
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage: share of queries answered")
        axes.set_ylabel("risk: share of these that should not have been")
        axes.set_title(f"{item.to_abstain} of {item.queries} queries {item.wrong}")
        axes.legend(loc="best")

    panels = 2 if summary.abstention else 1
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "grounding"}):
        figure = Figure(figsize=(7.0 * panels, 4.5), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        bars(axes[0])
        if summary.abstention:
            curves(axes[1])
        try:
            figure.savefig(file, dpi=150)
        except OSError as error:
            raise InvalidRequest(f"{file}: cannot be written: {error.strerror}") from None
