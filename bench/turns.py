"""Programs that take turns. Each is a process of its own, so that their memory is told apart, and works only when asked, so that a
busy moment of the machine meets all of them alike. They speak as `legrad_bench --on-request` does: when warm, one line of JSON with
`extra_mib`; then for every line they read, one with `forward_ms` and `explain_ms`."""

import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

THREADS = int(os.environ.get("OMP_NUM_THREADS", 2))


def environment():
    return {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}


class Worker:
    """A program that works when asked. `first` is what it says when it is warm."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.errors = tempfile.TemporaryFile("w+")  # a pipe would stop who says much
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env=environment())
        self.first = self.read()
        self.rounds = []

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise RuntimeError(f"{' '.join(self.command)}: {said[-1] if said else 'ended'}")
        return json.loads(line)

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.rounds.append(self.read())

    def median(self, key):
        return statistics.median(one[key] for one in self.rounds)

    def close(self):
        self.process.communicate()
        return self.process.returncode


def milliseconds(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def status_mib(row):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(row + ":"))


def give_back():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def peak_above(before, work):
    """The most resident memory while `work` runs, above `before`, in MiB, as the kernel keeps it."""
    give_back()
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # forget earlier peaks
    work()
    return status_mib("VmHWM") - before


def serve(forward, explain, file):
    """The other side of Worker. `explain` gives a map [rows, columns], which goes into the file once."""
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for _ in range(2):
        forward()
    give_back()
    before = status_mib("VmRSS")
    numpy.save(file, explain())
    print(json.dumps({"extra_mib": peak_above(before, explain)}), file=say, flush=True)
    for _ in sys.stdin:
        print(json.dumps({"forward_ms": milliseconds(forward), "explain_ms": milliseconds(explain)}), file=say, flush=True)
