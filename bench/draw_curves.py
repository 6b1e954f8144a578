"""Draws what curves.py has measured: a picture for each curve, time above, memory below."""

import machine

OURS, PEER, FORWARD = "#0b6e8f", "#c8553d", "#9a9a9a"


def line(axes, curve, key, name, colour, label):
    points = [(p["tokens"] if curve["option"] == "side" else p["value"], p[name][key]) for p in curve["points"] if name in p]
    if points:
        axes.plot(*zip(*points), color=colour, marker="o", markersize=3.5, linewidth=1.6, label=label)


def draw(result, folder):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "legrad", "axes.spines.top": False,
                                "axes.spines.right": False, "axes.grid": True, "grid.color": "#e6e6e6"})
    from matplotlib import pyplot, ticker

    folder.mkdir(parents=True, exist_ok=True)
    for name, curve in result["curves"].items():
        figure, (cost, memory) = pyplot.subplots(1, 2, figsize=(7.6, 3.1), layout="constrained")
        cost.axhline(1, color=FORWARD, linewidth=1, label="a plain forward")
        for axes, key in ((cost, "ratio"), (memory, "extra_mib")):
            line(axes, curve, key, "ours", OURS, "this library")
            line(axes, curve, key, "plain_autograd", PEER, "autograd, N×N maps kept")
            axes.set_xscale("log")
            ticks = [p["tokens"] if curve["option"] == "side" else p["value"] for p in curve["points"]]
            axes.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
            axes.xaxis.set_minor_locator(ticker.NullLocator())
            axes.set_xlabel(curve["axis"])
        cost.set_ylim(bottom=0)
        memory.set_yscale("log")
        memory.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        memory.yaxis.set_major_formatter("{x:g}")
        memory.yaxis.set_minor_locator(ticker.NullLocator())
        cost.set_title("time, in plain forwards", fontsize=9, loc="left")
        memory.set_title("memory above the model, MiB", fontsize=9, loc="left")
        figure.legend(*cost.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        figure.suptitle(f"LeGrad on a {curve['model']}", fontsize=10, x=0.01, ha="left")
        figure.savefig(folder / f"scaling-{name.replace('_', '-')}.svg",
                       metadata={"Date": None, "Description": machine.sentence(result["machine"])})
        pyplot.close(figure)
