"""On what was measured."""

import os
import re

import turns


def described():
    with open("/proc/cpuinfo") as text:
        model = re.search(r"model name\s*: (.*)", text.read())
    return {"processor": model[1] if model else "unknown", "cores": os.cpu_count(), "threads": turns.THREADS,
            "load_before": round(os.getloadavg()[0], 2)}


def sentence(machine):
    busy = "idle" if machine["load_before"] < 0.3 else f"busy: load average {machine['load_before']}"
    return f"{machine['processor']}, {machine['threads']} thread{'s'[:machine['threads'] > 1]} on {machine['cores']} cores, {busy} before the run."
