"""What the machine gives in the same minute: the price of a sync, and how busy it is with other things."""

import os
import pathlib
import statistics
import time

# As many syncs as take about a second on a good disk and some seconds on a bad one.
SYNCS = 400
BLOCK = 4096


def percentiles(values, scale=1.0):
    """Median and 99th percentile."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] * scale, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * scale


def sync_probe(directory):
    """p50 and p99 in milliseconds of a 4 KiB write with fdatasync: appended, and over what is there."""
    path = pathlib.Path(directory) / "probe"
    block = b"\x5a" * BLOCK
    found = {}
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        for name in ("append", "overwrite"):
            took = []
            for number in range(SYNCS):
                begin = time.perf_counter()
                os.pwrite(file, block, number * BLOCK)
                os.fdatasync(file)
                took.append(time.perf_counter() - begin)
            found[name] = percentiles(took, 1000)
    finally:
        os.close(file)
        path.unlink()
    return found


def pressure():
    """Load average and pressure stall shares (some, 10 s) of CPU and disk, as one text."""
    parts = [f"load {os.getloadavg()[0]:.2f}"]
    for what in ("cpu", "io"):
        try:
            some = pathlib.Path(f"/proc/pressure/{what}").read_text().split()
            parts.append(f"{what} pressure {some[1].removeprefix('avg10=')} %")
        except OSError:
            parts.append(f"{what} pressure unknown")
    return ", ".join(parts)


def file_system(directory):
    """The type of the file system that a directory is on."""
    best = ("", "unknown")
    real = os.path.realpath(directory)
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"process {pid} has no VmRSS")


def threads(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    raise LookupError(f"process {pid} has no Threads")


def median(values):
    return statistics.median(values)
