#!/usr/bin/env python
"""Writes the tour's totals into docs/models.md, behind the table of the matrix, from what tour.py found.

    python tests/oracle/tour.py --out build/tour
    python tests/oracle/make_tour_table.py build/tour/tour.jsonl docs/models.md
"""

import collections
import json
import pathlib
import re
import sys

from make_table import TOUR, home
from tour import FORMS

OUTCOMES = ("right", "refused", "wrong", "oracle failed", "not exported")
INTRODUCTION = """
Classes of stock vision transformers, tiny and with random weights, each in every form that torch can export it in:
`tests/oracle/tour.py` explains the files with the program and compares LeGrad, after min-max, with its definition in double
precision. *Right* is within 1e-4. *Oracle failed*: the file was explained, but the definition could not be worked out
without us, so nothing was compared. *Not exported*: torch could not. `tests/oracle/make_tour_table.py` writes this from
what was found.

"""


def table(titles, rows):
    return ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles), *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def in_order(name, words):
    return words.index(name) if name in words else len(words)


def totals(found):
    counts = collections.Counter((row["home"], row["form"], row["outcome"]) for row in found)
    others = sorted({row["outcome"] for row in found} - set(OUTCOMES))
    outcomes = [*OUTCOMES, *others]
    pairs = sorted({(row["home"], row["form"]) for row in found}, key=lambda pair: (pair[0], in_order(pair[1], FORMS)))
    rows = [[home(place), form, *(counts[place, form, outcome] for outcome in outcomes)] for place, form in pairs]
    rows.append(["all", "", *(sum(row["outcome"] == outcome for row in found) for outcome in outcomes)])
    return table(["home", "form", *outcomes], rows)


def reasons(found, outcome):
    """One row for each class and what was said of it, with the forms of which it was said."""
    forms = collections.defaultdict(list)
    for row in found:
        if row["outcome"] == outcome:
            said = re.sub(r'cannot load "[^"]*": ', "", row["remark"].removeprefix("legrad: error: "))
            said = said.replace("|", "\\|").replace("\n", " ")
            forms[row["name"], said].append(row["form"])
    return [[name, "; ".join(sorted(of, key=lambda form: in_order(form, FORMS))), said] for (name, said), of in sorted(forms.items())]


def main(results, out):
    rows = [json.loads(line) for line in pathlib.Path(results).read_text().splitlines()]
    found = list({(row["name"], row["form"]): row for row in rows}.values())  # the last word counts
    lines = [TOUR, INTRODUCTION.rstrip("\n"), "", *totals(found)]
    for outcome in sorted({row["outcome"] for row in found} - {"right", "not exported"}):
        lines += ["", f"### {outcome.capitalize()}", "", *table(["model", "forms", "what was said"], reasons(found, outcome))]
    text = "\n".join(lines) + "\n"
    path = pathlib.Path(out)
    path.write_text(path.read_text().split(TOUR)[0].rstrip("\n") + "\n\n" + text)


if __name__ == "__main__":
    main(*sys.argv[1:])
