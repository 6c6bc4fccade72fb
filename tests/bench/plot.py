"""Two panels of SVG, drawn by gnuplot."""

import shutil
import subprocess

HOW_TO = "apt-get install gnuplot-nox"
SCRIPT = """\
set terminal svg size 1400,480 background rgb "white"
set output "%(output)s"
set multiplot layout 1,2
set key outside right top vertical samplen 2
set grid
set format y "%%.0f"
"""
FIRST_WIDTH = 3  # of the line of the server that all are compared with
# panel: its words, and how x and y are drawn
PANELS = {
    "throughput": 'set title "connections per second"\n'
                  'set xlabel "clients at a time"\nset logscale x 2\n'
                  'set logscale y 10\nset yrange [*:*]\n'
                  'set ytics (500, 1000, 2000, 5000, 10000, 20000, 50000)\n',
    "cost": 'set title "µs for each new client"\n'
            'set xlabel "clients that are live meanwhile"\n'
            'unset logscale\nset xtics 2000\nset ytics auto\n'
            'set yrange [0:*]\n',
}


def block(name, points):
    """A gnuplot datablock."""
    lines = "".join(f"{x:g} {y:g}\n" for x, y in points)
    return f"${name} << EOD\n{lines}EOD\n"


def script(series, path):
    """The whole of what gnuplot is told."""
    text = SCRIPT % {"output": path}
    for panel, words in PANELS.items():
        if panel not in series:
            continue
        text += words
        plots = []
        for number, (name, points) in enumerate(series[panel].items()):
            text += block(f"{panel}{number}", points)
            width = 1 if number else FIRST_WIDTH
            plots.append(f'${panel}{number} using 1:2 with linespoints '
                         f'linewidth {width} title "{name}" noenhanced')
        text += "plot " + ", ".join(plots) + "\n"
    return text + "unset multiplot\n"


def draw(series, path):
    """Writes the plot; returns what to say of it."""
    if not series:
        return "plot: none, nothing was measured for it"
    if shutil.which("gnuplot") is None:
        return f"plot: left out, no gnuplot ({HOW_TO})"
    done = subprocess.run(["gnuplot"], input=script(series, path), text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    if done.returncode != 0:
        return f"plot: left out, gnuplot said: {done.stderr.strip()}"
    return f"plot: {path}"
