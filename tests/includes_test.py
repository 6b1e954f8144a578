#!/usr/bin/env python3
"""Holds the includes of the sources against the tables of layers in CONTRIBUTING.md, which it reads: who knows whom, by private headers
("graph/ir/ir.h") as by public ones (<legrad/vit.h>), and what may stand in one place only.

    tests/includes_test.py [ROOT]
"""

import dataclasses
import pathlib
import re
import sys

WORDS = "words"  # the layer whose headers everybody may include
UMBRELLA = "legrad/legrad.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
SOURCES = (".h", ".cpp")


@dataclasses.dataclass
class Layer:
    name: str
    headers: list  # "legrad/vit.h", or "legrad/methods/" for all of a folder
    knows: list

    def owns(self, header):
        return any(header == own or own.endswith("/") and header.startswith(own) for own in self.headers)


def tables(text):
    """The cells of every table, by the first word of its header."""
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        found[rows[0][0]] = rows[2:]
    return found


def read_layers(rows):
    layers = []
    for place, headers, knows, *_ in rows:
        name = CODE.findall(place)[0].removeprefix("src/").rstrip("/") if "`" in place else place
        layers.append(Layer(name, [f"legrad/{header}" for header in CODE.findall(headers)], CODE.findall(knows)))
    return layers


class Checker:
    def __init__(self, root):
        self.root = root
        found = tables((root / "CONTRIBUTING.md").read_text())
        self.layers = read_layers(found["layer"])
        self.only_in = [(CODE.findall(where), CODE.findall(what)) for where, what, *_ in found["only in"]]
        self.problems = []

    def files(self, *folders):
        paths = (path for folder in folders for path in (self.root / folder).rglob("*"))
        return sorted(path for path in paths if path.suffix in SOURCES)

    def say(self, path, text, position, message):
        line = text.count("\n", 0, position) + 1
        self.problems.append(f"{path.relative_to(self.root)}:{line}: {message}")

    def layer_of(self, path):
        """The layer of a source; None where it belongs to none."""
        inside = path.relative_to(self.root).as_posix()
        if inside.startswith("include/"):
            return self.layer_of_header(inside.removeprefix("include/"))
        inside = inside.removeprefix("src/")
        return next((layer for layer in self.layers if inside.startswith(layer.name + "/")), None)

    def layer_of_header(self, header):
        """The layer of an include of ours; None for anything else."""
        if header.startswith("legrad/"):
            return next((layer for layer in self.layers if layer.owns(header)), None)
        return next((layer for layer in self.layers if header.startswith(layer.name + "/")), None)

    def check_tables(self):
        """The tables say something of every folder and header, and nothing of any other; nobody knows a layer below."""
        for number, layer in enumerate(self.layers):
            above = [other.name for other in self.layers[:number]]
            for name in layer.knows:
                if name not in above:
                    self.problems.append(f"CONTRIBUTING.md: {layer.name} knows {name}, which is no layer above it")
            if layer.name != WORDS and not (self.root / "src" / layer.name).is_dir():
                self.problems.append(f"CONTRIBUTING.md: there is no src/{layer.name}")
            for header in layer.headers:
                if not (self.root / "include" / header).exists():
                    self.problems.append(f"CONTRIBUTING.md: there is no include/{header}")
        for path in self.files("include", "src"):
            inside = path.relative_to(self.root).as_posix()
            if self.layer_of(path) is None and inside not in (f"include/{UMBRELLA}", "src/precompiled.h"):
                self.problems.append(f"{inside}: belongs to no layer of CONTRIBUTING.md")

    def check_layers(self):
        for path in self.files("include", "src"):
            layer, text = self.layer_of(path), path.read_text()
            for match in INCLUDE.finditer(text) if layer else ():
                header = match[1]
                other = self.layer_of_header(header)
                if header == UMBRELLA:
                    self.say(path, text, match.start(), f"includes {UMBRELLA}, which is for users")
                elif other and other.name not in (WORDS, layer.name, *layer.knows):
                    self.say(path, text, match.start(), f"{layer.name} does not know {other.name}, and includes {header}")
                elif header.startswith("legrad/") and not other:
                    self.say(path, text, match.start(), f"includes {header}, which is no public header")
                elif path.is_relative_to(self.root / "include") and other and not header.startswith("legrad/"):
                    self.say(path, text, match.start(), f"a public header includes {header}, which is private")

    def check_places(self):
        for path in self.files("include", "src", "bench", "examples"):
            inside, text = path.relative_to(self.root).as_posix(), path.read_text()
            for places, things in self.only_in:
                if inside.startswith(tuple(places)):
                    continue
                for thing in things:
                    included = thing.endswith("/")
                    pattern = rf"^\s*#\s*include\s*[<\"]{re.escape(thing)}" if included else rf"\b{re.escape(thing)}\b"
                    for match in re.finditer(pattern, text, re.MULTILINE):
                        self.say(path, text, match.start(), f"{thing} may stand in {' and '.join(places)} only")


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
    checker = Checker(root)
    checker.check_tables()
    checker.check_layers()
    checker.check_places()
    print("\n".join(checker.problems) or f"{len(checker.layers)} layers keep to their table")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())
