#!/usr/bin/env python3
"""Says which parts of the program run between its start and its first rest, and which when it has work to do, as a
script for the linker.

    cargo build --release --target-dir target/whole --config 'profile.release.strip="none"'
    link/order.py target/whole/release/tidings > link/start.ld

The system brings a program into memory in blocks of sixteen pages around each one that is touched, so what runs should
lie together. This runs the daemon on the example site, and then under the benches that send it something, with a breakpoint
at the beginning of each function, writes down which are reached, and looks for the fewest beginnings of names that cover
them and little else. Names are cut before what a compiler or a version puts into them, so that the list stays of use when
those change; what it doesn't know lies where it would lie without it. Linux on x86-64; nm of the binutils.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# How long the daemon runs, in seconds: it rests after about three.
RUN = 20
# The benches that give it work.
BENCHES = ["serve", "inbox", "fanout"]
# In their environment: the program, and where to write which of its functions were reached.
PROGRAM, REACHED = "TIDINGS_ORDER_PROGRAM", "TIDINGS_ORDER_REACHED"
# What a line of the list must save, in bytes.
WORTH = 400
# How many letters of a name are kept beyond the first one that no other has.
ENOUGH = 24

TRACEME, GETREGS, SETREGS, CONT, SETOPTIONS = 0, 12, 13, 7, 0x4200
TRACECLONE, EXITKILL, WALL = 8, 1 << 20, 0x40000000
RIP = 16

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def functions(program):
    """Address, size and name of each."""
    listed = subprocess.run(["nm", "-S", program], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tTwW":
            yield int(parts[0], 16), int(parts[1], 16), parts[3]


def reached(program, arguments, addresses, note):
    """Tells `note` which of the addresses are reached."""
    # The daemon would start itself once more, without breakpoints.
    os.environ["MIMALLOC_PURGE_DELAY"] = "0"
    child = os.fork()
    if child == 0:
        libc.ptrace(TRACEME, 0, None, None)
        os.execv(program, [program, *arguments])
    os.waitpid(child, 0)
    libc.ptrace(SETOPTIONS, child, None, TRACECLONE | EXITKILL)
    with open(f"/proc/{child}/maps") as maps:
        base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(str(program)))
    memory = os.open(f"/proc/{child}/mem", os.O_RDWR)
    before = {}
    for address in addresses:
        before[address] = os.pread(memory, 1, base + address)
    for address in addresses:
        os.pwrite(memory, b"\xcc", base + address)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGTERM))
    libc.ptrace(CONT, child, None, None)
    hit = set()
    registers = (ctypes.c_ulong * 27)()
    while True:
        thread, status = os.waitpid(-1, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == child:
                return
            continue
        passed = os.WSTOPSIG(status)
        if passed == signal.SIGTRAP:
            passed = 0
            libc.ptrace(GETREGS, thread, None, ctypes.byref(registers))
            address = registers[RIP] - 1 - base
            if not status >> 16 and address in before:
                if address not in hit:
                    hit.add(address)
                    note(address)
                    os.pwrite(memory, before[address], base + address)
                registers[RIP] -= 1
                libc.ptrace(SETREGS, thread, None, ctypes.byref(registers))
        elif passed == signal.SIGSTOP:
            passed = 0
        libc.ptrace(CONT, thread, None, passed)


def lasting(name):
    """A name without what changes from one compiler or version to the next."""
    name = re.sub(r"17h[0-9a-f]{16}E.*$", "17h", name)
    name = re.sub(r"^aws_lc_[0-9_]+_", "aws_lc_*_", name)
    return re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name) if name.startswith("_R") else name


def cover(names, wanted, other, low, high, depth):
    """The cheapest list of beginnings for names[low:high], which are equal up to `depth`: what it costs, and the list,
    each with how much of what it covers runs.
    """
    if not any(name in wanted for name in names[low:high]):
        return 0, []
    first, last = names[low], names[high - 1]
    running = sum(wanted[name] for name in names[low:high])
    whole = WORTH + sum(other[name] for name in names[low:high])
    share = running / (running + whole)
    if high - low == 1:
        return whole, [(first[: depth + ENOUGH], share)]
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    cost, found = 0, []
    while low < high:
        letter = names[low][depth : depth + 1]
        end = low
        while end < high and names[end][depth : depth + 1] == letter:
            end += 1
        if letter:
            price, beginnings = cover(names, wanted, other, low, end, depth + 1)
        elif names[low] in wanted:
            price = WORTH + other[names[low]]
            beginnings = [(names[low], wanted[names[low]] / (wanted[names[low]] + price))]
        else:
            price, beginnings = 0, []
        cost, found, low = cost + price, found + beginnings, end
    return (whole, [(first[:depth], share)]) if whole <= cost and depth > 3 else (cost, found)


def at_rest(program, addresses):
    """What is reached until it rests on the example site."""
    root = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root / "site-example", Path(folder, "site-example"))
        settings = (root / "ap.toml").read_text()
        Path(folder, "ap.toml").write_text(re.sub(r"(?m)^#listen = .*", 'listen = "127.0.0.1:0"', settings))
        os.chdir(folder)
        hit = set()
        signal.alarm(RUN)
        reached(program, ["serve"], addresses, hit.add)
        os.chdir(root)
        return hit


def at_work(program):
    """What is reached when the benches give it work: they start this script in its place."""
    with tempfile.NamedTemporaryFile("r") as told:
        ours = {"TIDINGS_PROGRAM": __file__, PROGRAM: str(program), REACHED: told.name}
        for bench in BENCHES:
            command = ["cargo", "bench", "--bench", bench, "--", "--quick"]
            subprocess.run(command, env={**os.environ, **ours}, stdout=sys.stderr, check=True)
        return {int(line) for line in told}


def stand_in():
    """Runs the program in the place of which this script was started."""
    program = os.environ[PROGRAM]
    if sys.argv[1] != "serve":
        os.execv(program, [program, *sys.argv[1:]])
    addresses = sorted({address for address, _, _ in functions(program)})
    with open(os.environ[REACHED], "a") as told:

        def note(address):
            print(address, file=told, flush=True)

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        reached(program, sys.argv[1:], addresses, note)


def lines(known, hit):
    """The beginnings of names that cover the functions that were hit, what runs in part last: so the rest lies together."""
    wanted, other = Counter(), Counter()
    for address, size, name in known:
        (wanted if address in hit else other)[lasting(name)] += size
    names = sorted({*wanted, *other})
    _, beginnings = cover(names, wanted, other, 0, len(names), 0)
    beginnings.sort(key=lambda each: (-round(each[1], 1), each[0]))
    return sum(wanted.values()) // 1024, [beginning for beginning, _ in beginnings]


def main():
    program = Path(sys.argv[1]).resolve()
    known = list(functions(program))
    first = at_rest(program, sorted({address for address, _, _ in known}))
    size, start = lines(known, first)
    later = [each for each in known if not lasting(each[2]).startswith(tuple(start))]
    more, work = lines(later, at_work(program))
    print("/* Written by link/order.py. */\nSECTIONS\n{\n  .text.start :\n  {")
    print(f"    /* What runs until the daemon rests: {size} KiB of code. */")
    print("\n".join(f"    *(.text*.{beginning}*)" for beginning in start))
    print(f"    /* What runs besides when it works: {more} KiB. */")
    print("\n".join(f"    *(.text*.{beginning}*)" for beginning in work))
    print("  }\n}\nINSERT BEFORE .text;")
    print(f"{len(start)} and {len(work)} lines", file=sys.stderr)


sys.setrecursionlimit(10_000)
if PROGRAM in os.environ:
    stand_in()
else:
    main()
