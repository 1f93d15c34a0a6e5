#!/usr/bin/env python3
"""How long hotplug stands still when the coordinator that leads is killed.

    bench/failover.py [--bin DIR] [--tries N] [--store etcd|sqlite] [--lease TIME]

A machine of four CPUs. With etcd (default): three members with their own defaults,
two coordinators, and whichever is killed is started again, to stand by. With sqlite:
one coordinator, started again at once by us. Each try kills the one that leads with
SIGKILL and asks for an offline, or an online, in the same moment: `total` is from the
kill to that operation's success, `leads` to the successor's word that it leads. In
between and after that, nodes look for it, and attach. Needs etcd and etcdctl.
"""
import argparse
import datetime
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CPUS = 4


def free_ports(count):
    """All different, and free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Machine:
    """Its processes, each with a log; all end with it."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = Path(folder)
        self.processes = {}
        self.coordinators = [f"127.0.0.1:{port}" for port in
                             free_ports(2 if options.store == "etcd" else 1)]
        if options.store == "etcd":
            self.store = ["--store", "etcd:" + self.start_etcd(), "--leader-lease", options.lease]
        else:
            (self.folder / "state").mkdir()
            self.store = ["--state-dir", str(self.folder / "state")]
        for i in range(len(self.coordinators)):
            self.start_coordinator(i)
        for i in range(CPUS):
            self.start(f"cpu{i}", [self.bin("belfry-node"), "--coordinator",
                                   ",".join(self.coordinators), "--cpu", str(i)])

    def bin(self, name):
        return str(Path(self.options.bin) / name)

    def log(self, name):
        return self.folder / f"{name}.log"

    def start(self, name, command):
        with open(self.log(name), "a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def start_etcd(self):
        ports = free_ports(6)
        clients = [f"127.0.0.1:{port}" for port in ports[:3]]
        peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
        cluster = ",".join(f"m{i}={peer}" for i, peer in enumerate(peers))
        for i, (client, peer) in enumerate(zip(clients, peers)):
            self.start(f"etcd{i}", [
                "etcd", "--name", f"m{i}", "--data-dir", str(self.folder / f"m{i}"),
                "--listen-client-urls", "http://" + client,
                "--advertise-client-urls", "http://" + client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", cluster])
        health = ["etcdctl", "--endpoints", ",".join(clients), "endpoint", "health"]
        end = time.monotonic() + 30
        while subprocess.run(health, env={**os.environ, "ETCDCTL_API": "3"},
                             capture_output=True, check=False).returncode != 0:
            if time.monotonic() > end:
                sys.exit("etcd does not come up")
        return ",".join(clients)

    def start_coordinator(self, i):
        self.start(f"coordinator{i}", [
            self.bin("belfry-coordinator"), "--listen", self.coordinators[i],
            "--cpus", str(CPUS), "--auto-online", *self.store])

    def change(self, verb, timeout="30s"):
        """One hotplug operation on the last CPU, wherever the leader is."""
        return subprocess.run(
            [self.bin("belfry"), "--coordinator", ",".join(self.coordinators), "cpu", verb,
             str(CPUS - 1), "--timeout", timeout], capture_output=True, text=True, check=False)

    def leader(self):
        """The coordinator that was the last to say that it leads."""
        said = {}
        for i in range(len(self.coordinators)):
            times = re.findall(r"^(\S+)Z info coordinator: leads in epoch",
                               self.log(f"coordinator{i}").read_text(), re.M)
            if times:
                said[i] = datetime.datetime.fromisoformat(times[-1] + "+00:00").timestamp()
        return max(said.items(), key=lambda item: item[1])

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def one_try(machine, verb):
    """Seconds to the word of the successor, and to the operation's success."""
    leader, _ = machine.leader()
    victim = machine.processes[f"coordinator{leader}"]
    killed = time.time()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    if machine.options.store == "sqlite":
        machine.start_coordinator(leader)
    # A command to one address alone does not wait for it to come back.
    while (result := machine.change(verb)).returncode != 0:
        if time.time() - killed > 60:
            sys.exit(f"no {verb}: {result.stderr}")
    total = time.time() - killed
    _, leads = machine.leader()
    if machine.options.store == "etcd":
        machine.start_coordinator(leader)
    return leads - killed, total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--store", choices=["etcd", "sqlite"], default="etcd")
    parser.add_argument("--lease", default="2s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="belfry-failover-") as folder:
        machine = Machine(options, folder)
        try:
            end = time.monotonic() + 30
            while machine.change("online", "2s").returncode != 0:
                if time.monotonic() > end:
                    sys.exit("the machine does not come up")
            tries = []
            for i in range(options.tries):
                tries.append(one_try(machine, ("offline", "online")[i % 2]))
                print(f"{i + 1:3}  leads {tries[-1][0]:6.2f} s  total {tries[-1][1]:6.2f} s",
                      flush=True)
                # The one that was killed stands by again, its lease is fresh.
                time.sleep(3)
        finally:
            machine.stop()
    for name, values in zip(("leads", "total"), zip(*tries)):
        print(f"{name}: median {statistics.median(values):.2f} s, "
              f"least {min(values):.2f} s, most {max(values):.2f} s")


if __name__ == "__main__":
    main()
