"""Results as a chart."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "directus_versions", "svg.fonttype": "none", "font.size": 9})

from matplotlib import pyplot

from contender import OURS
from workload import Bulk, Read, Single

COLOURS = {OURS: "#6644ff", f"{OURS}_activity": "#a594ff", f"{OURS}_always": "#a594ff"}
OTHERS = "#b9bec7"
BASE = "#2f3640"
COLUMNS = 2


def panel(axes, w, by):
    """Horizontal bars: times the base for one statement, microseconds for what is done again and again."""
    bulk, unit = isinstance(w, Bulk), "a call" if isinstance(w, Read) else "a transaction"
    shown = {name: r.cpu_ratio if bulk else r.cpu for name, r in by.items()}
    names = sorted(shown.keys() - {"untracked", w.base}, key=lambda name: shown[name].median, reverse=True)
    names = names if bulk else [*names, w.base]
    figures = [shown[name] for name in names]
    medians = [f.median for f in figures]
    spread = [[f.median - f.least for f in figures], [f.most - f.median for f in figures]]
    colours = [BASE if n == w.base else COLOURS.get(n, OTHERS) for n in names]
    axes.barh(names, medians, xerr=spread, color=colours, error_kw={"elinewidth": 0.8, "ecolor": BASE})
    axes.set_ylim(-0.5, max(len(names), 2) - 0.5)
    room = max(f.most for f in figures)
    for row, figure in enumerate(figures):
        axes.text(figure.most + room * 0.02, row, f"{figure.median:.{2 if bulk else 0}f}", va="center")
    axes.set_xlim(0, room * 1.18)
    if bulk:
        axes.axvline(1, color=BASE, linewidth=0.8, linestyle=":")
    axes.set_title(f"{w.name}: {w.title}", fontsize=9, loc="left")
    axes.set_xlabel(f"CPU time, × {w.base}" if bulk else f"CPU time, µs {unit}")
    axes.spines[["top", "right"]].set_visible(False)


def draw(path, workloads, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    # With synchronous_commit on the same CPU time comes again.
    shown = [w for w in workloads if not isinstance(w, Single) or w.synchronous_commit == "off"] or workloads
    bars = [len(results[w.name]) for w in shown]
    heights = [0.9 + 0.24 * max(bars[i:i + COLUMNS]) for i in range(0, len(shown), COLUMNS)]
    figure, grid = pyplot.subplots(
        len(heights), COLUMNS, figsize=(11, sum(heights)), squeeze=False, layout="constrained",
        height_ratios=heights,
    )
    for axes, w in zip(grid.flat, shown):
        panel(axes, w, results[w.name])
    for axes in list(grid.flat)[len(shown):]:
        axes.set_visible(False)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)
