#!/usr/bin/env python
"""Runs every Python example of docs/exporting.md, each in an empty folder, and sees that it wrote a model.

    python tests/oracle/run_examples.py
"""

import pathlib
import re
import subprocess
import sys
import tempfile

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "exporting.md"

examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
for example in examples:
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([sys.executable, "-W", "ignore", "-c", example], cwd=folder, capture_output=True, text=True)
        if run.returncode != 0 or not any(pathlib.Path(folder).glob("model.pt*")):
            sys.exit(f"this example wrote no model:\n{example}\n{run.stderr[-2000:]}")
print(f"{len(examples)} examples ran")
