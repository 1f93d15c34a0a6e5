#!/usr/bin/env python3
"""How fast calls, stop_machine and hotplug are, and what a node costs: each beside
the bare thing (belfry-wire, the same messages on the same gRPC), and calls beside
the peers that one would pick instead, all in one run.

    cmake --preset bench && cmake --build --preset bench
    bench/speed.py                  # prints one Markdown table
    bench/speed.py --quick          # a minute; shows that everything works

The measurements alternate, and are repeated; a figure is the median of them. A
peer is measured where its library was there when bench/ was built and its server
is installed (Debian: redis-server libhiredis-dev, nats-server libnats-dev,
libzmq3-dev, openmpi-bin libopenmpi-dev).
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A flood has so many messages in a frame of the bare stream: as many as a node's.
FRAME_CALLS = 1024
WINDOWS = (1, 8, 64)
MPI_TRANSPORTS = {"Open MPI, shared memory": [], "Open MPI, TCP": ["--mca", "btl", "tcp,self"]}


class Scale:
    """How much of everything."""

    def __init__(self, quick, repeats):
        self.repeats = 1 if quick else repeats
        self.waiting = 500 if quick else 20_000
        self.windowed = 5_000 if quick else 200_000
        self.flood = 20_000 if quick else 1_000_000
        self.rounds = 5 if quick else 100
        self.cycles = 3 if quick else 50
        self.cpus = (4,) if quick else (4, 16, 64)
        # A cluster of 256 processes is only asked for what its size is about.
        self.large = () if quick else (256,)


class Table:
    """Figures by row and column; each is the median of what was measured."""

    FIRST = ("Belfry", "bare stream", "bare unary", "bare star", "bare process")

    def __init__(self):
        self.rows = defaultdict(lambda: defaultdict(list))

    def add(self, row, column, value):
        self.rows[row][column].append(value)

    def columns(self):
        seen = {column for row in self.rows.values() for column in row}
        return ([c for c in self.FIRST if c in seen]
                + sorted(seen.difference(self.FIRST)))

    def markdown(self):
        columns = self.columns()
        yield "| what | " + " | ".join(columns) + " |"
        yield "|---|" + "---|" * len(columns)
        for row, values in self.rows.items():
            ours = statistics.median(values["Belfry"])
            cells = []
            for column in columns:
                if not values[column]:
                    cells.append("")
                    continue
                value = statistics.median(values[column])
                ratio = "" if column == "Belfry" else f" ({ours / value:.2f})"
                cells.append(f"{value:,.{0 if value >= 100 else 2}f}{ratio}")
            yield f"| {row} | " + " | ".join(cells) + " |"


def line_of(command):
    """What a program of bench/ has measured."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds(duration):
    return float(duration.rstrip("s"))


@contextlib.contextmanager
def serving(command):
    """A program that prints a line when it is ready, with that line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pss_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


class Cluster:
    """A local cluster, up while in the `with`."""

    def __init__(self, bin_dir, cpus):
        self.belfry, self.cpus = bin_dir / "belfry", cpus

    def __enter__(self):
        self.state_dir = tempfile.mkdtemp(prefix="belfry-speed-")
        begun = time.monotonic()
        self.run("up", "--cpus", self.cpus, "--detach")
        self.start_s = time.monotonic() - begun
        return self

    def __exit__(self, *_):
        self.run("down")
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def run(self, *args):
        command = [str(self.belfry), "--state-dir", self.state_dir, "-o", "json",
                   "--timeout", "5m", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def call(self, count, window, *flags):
        report = self.run("call", 1, "nop", "--from", 0, "--count", count, "--window",
                          window, *flags)
        result = report["results"][0]
        return {"calls_per_s": count / seconds(result["duration"]),
                "p50_us": seconds(result["p50"]) * 1e6,
                "p99_us": seconds(result["p99"]) * 1e6}

    def node_pids(self):
        cpus = self.run("cpu", "list")["cpus"]
        return [int(cpu["pid"]) for cpu in cpus]


def row_of(window, what):
    if window == 1:
        return f"waiting call, {what}"
    return f"{window} calls outstanding, {what}"


def add_calls(table, column, window, line):
    table.add(row_of(window, "calls/s"), column, line["calls_per_s"])
    if window == 1:
        table.add(row_of(1, "p50 µs"), column, line["p50_us"])
        table.add(row_of(1, "p99 µs"), column, line["p99_us"])


FLOOD = "asynchronous flood, calls/s"


class Peer:
    """A peer whose program has the command line of bench/peers/peer.h."""

    def __init__(self, name, program, address):
        self.name, self.program, self.address = name, str(program), address

    def measure(self, table, scale):
        with serving([self.program, "serve", self.address]) as (_, address):
            for window in WINDOWS:
                count = scale.waiting if window == 1 else scale.windowed
                add_calls(table, self.name, window,
                          line_of([self.program, "call", address, str(count),
                                   str(window)]))
        with serving([self.program, "sink", self.address, str(scale.flood)]) as (
                sink, address):
            subprocess.run([self.program, "flood", address, str(scale.flood)], check=True)
            line = json.loads(sink.stdout.readline())
        table.add(FLOOD, self.name, line["calls_per_s"])


class Mpi:
    """Open MPI starts both processes itself."""

    def __init__(self, name, program, transport):
        self.name = name
        self.command = ["mpirun", "--allow-run-as-root", "--oversubscribe", *transport,
                        "-n", "2", str(program)]

    def measure(self, table, scale):
        for window in WINDOWS:
            count = scale.waiting if window == 1 else scale.windowed
            add_calls(table, self.name, window,
                      line_of(self.command + ["call", str(count), str(window)]))
        line = line_of(self.command + ["flood", str(scale.flood)])
        table.add(FLOOD, self.name, line["calls_per_s"])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def broker(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def peers_of(bin_dir, running):
    """Those that are there; their brokers run until `running` is closed."""
    zeromq = bin_dir / "belfry-peer-zeromq"
    if zeromq.exists():
        yield Peer("ZeroMQ", zeromq, "tcp://127.0.0.1:*")
    brokers = (
        ("Redis", "redis", "redis-server",
         lambda port: ["--port", str(port), "--save", "", "--appendonly", "no"]),
        ("NATS", "nats", "nats-server", lambda port: ["-a", "127.0.0.1", "-p", str(port)]),
    )
    for name, program, server, flags in brokers:
        path = bin_dir / f"belfry-peer-{program}"
        if path.exists() and shutil.which(server):
            port = free_port()
            running.enter_context(broker([server, *flags(port)], port))
            yield Peer(name, path, f"127.0.0.1:{port}")
    mpi = bin_dir / "belfry-peer-mpi"
    if mpi.exists() and shutil.which("mpirun"):
        for name, transport in MPI_TRANSPORTS.items():
            yield Mpi(name, mpi, transport)


def measure_calls(bin_dir, cluster, table, scale):
    wire = str(bin_dir / "belfry-wire")
    with serving([wire, "serve"]) as (_, address):
        for window in WINDOWS:
            count = scale.waiting if window == 1 else scale.windowed
            add_calls(table, "Belfry", window, cluster.call(count, window))
            for column, mode in (("bare stream", "stream"), ("bare unary", "unary")):
                add_calls(table, column, window,
                          line_of([wire, mode, address, str(count), str(window)]))
        line = cluster.call(scale.flood, 65536, "--nowait")
        table.add(FLOOD, "Belfry", line["calls_per_s"])
        line = line_of([wire, "flood", address, str(scale.flood), str(FRAME_CALLS)])
        table.add(FLOOD, "bare stream", line["calls_per_s"])


def measure_calls_beside_peers(bin_dir, table, scale):
    with contextlib.ExitStack() as running:
        peers = list(peers_of(bin_dir, running))
        with Cluster(bin_dir, 2) as cluster:
            for _ in range(scale.repeats):
                measure_calls(bin_dir, cluster, table, scale)
                for peer in peers:
                    peer.measure(table, scale)


def measure_stop_machine(bin_dir, cluster, table, scale):
    row = f"stop_machine round of {cluster.cpus} CPUs, p50 µs"
    operations = cluster.run("stop-machine", "nop", "--count", scale.rounds)["operations"]
    took = [seconds(operation["duration"]) for operation in operations]
    table.add(row, "Belfry", statistics.median(took) * 1e6)
    line = line_of([str(bin_dir / "belfry-wire"), "star", str(cluster.cpus),
                    str(scale.rounds)])
    table.add(row, "bare star", line["p50_us"])


def measure_hotplug(cluster, table, scale):
    operations = cluster.run("cpu", "cycle", 1, "--count", scale.cycles)["operations"]
    took = [seconds(operation["duration"]) for operation in operations]
    cycle = sum(took) / scale.cycles
    table.add(f"offline+online in {cluster.cpus} CPUs, ms", "Belfry", cycle * 1e3)
    table.add(f"offline+online in {cluster.cpus} CPUs, cycles/s", "Belfry", 1 / cycle)


def measure_bare_processes(bin_dir, count, table):
    begun = time.monotonic()
    with contextlib.ExitStack() as running:
        started = [subprocess.Popen([str(bin_dir / "belfry-wire"), "serve"],
                                    stdout=subprocess.PIPE, text=True)
                   for _ in range(count)]
        for process in started:
            running.callback(process.stdout.close)
            running.callback(process.wait)
            running.callback(process.kill)
        for process in started:
            process.stdout.readline()
        table.add(start_row(count), "bare process", time.monotonic() - begun)
        memory = statistics.mean(pss_mb(process.pid) for process in started)
        table.add(memory_row(count), "bare process", memory)


def start_row(count):
    return f"{count} nodes up and online, s"


def memory_row(count):
    return f"PSS of a node of {count}, MB"


def measure_clusters(bin_dir, table, scale):
    for cpus in scale.cpus + scale.large:
        for _ in range(scale.repeats if cpus in scale.cpus else 1):
            with Cluster(bin_dir, cpus) as cluster:
                table.add(start_row(cpus), "Belfry", cluster.start_s)
                memory = statistics.mean(map(pss_mb, cluster.node_pids()))
                table.add(memory_row(cpus), "Belfry", memory)
                measure_stop_machine(bin_dir, cluster, table, scale)
                if cpus in scale.cpus:
                    measure_hotplug(cluster, table, scale)
            measure_bare_processes(bin_dir, cpus, table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, and little of it")
    parser.add_argument("--repeats", type=int, default=5, metavar="N",
                        help="how often each is measured (default: %(default)s)")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/bench/bin",
                        help="where the programs are (default: %(default)s)")
    options = parser.parse_args()
    scale = Scale(options.quick, options.repeats)
    table = Table()
    measure_calls_beside_peers(options.bin, table, scale)
    measure_clusters(options.bin, table, scale)
    print("In brackets: Belfry's figure divided by that one.\n")
    for line in table.markdown():
        print(line)


if __name__ == "__main__":
    main()
