#!/usr/bin/env python3
"""Writes src/text/html_entities.cpp: HTML's named character references (html.spec.whatwg.org), as Python's `html.entities.html5` lists them.

    tools/make_html_entities.py
"""

import html.entities
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[1] / "src" / "text" / "html_entities.cpp"

HEAD = """// Made by tools/make_html_entities.py; not to be edited.
// clang-format off

#include "text/html_entities.h"

namespace legrad::text {

// A name, with its semicolon where it must have one, then the one or two code points it stands for.
const std::array<HtmlEntity, kHtmlEntities> html_entities = {{
"""
TAIL = """}};

}  // namespace legrad::text
"""


def main():
    entries = []
    for name, text in sorted(html.entities.html5.items()):
        codes = [f"0x{ord(letter):X}" for letter in text] + ["0"]
        entries.append(f'{{"{name}", {codes[0]}, {codes[1]}}}')
    lines, line = [], " "
    for entry in entries:
        if len(line) + len(entry) + 2 > 118:
            lines.append(line)
            line = " "
        line += f" {entry},"
    OUT.write_text(HEAD + "\n".join([*lines, line]) + "\n" + TAIL)
    print(f"{len(entries)} names")


if __name__ == "__main__":
    main()
