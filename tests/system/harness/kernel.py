"""What the kernel says of processes and sockets: /proc."""

import os
import subprocess
import typing

from .process import IS_ROOT


class KernelSocket(typing.NamedTuple):
    """A row of /proc/net/tcp."""

    state: str  # as in "ss": "ESTAB", "FIN-WAIT-1"
    unsent: int  # bytes that the other side has not acknowledged
    inode: int  # 0: no process has it


_STATES = ("", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
           "TIME-WAIT", "CLOSE", "CLOSE-WAIT", "LAST-ACK", "LISTEN",
           "CLOSING", "NEW-SYN-RECV")


def kernel_sockets(port):
    """What the kernel has with that local port.  A list that is long and changes
    while it is read may name a socket twice."""
    found, inodes = [], set()
    for name in "tcp", "tcp6":
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for row in (line.split() for line in list(file)[1:]):
                inode = int(row[9])
                if (int(row[1].rsplit(":", 1)[1], 16) == port and
                        inode not in inodes):
                    inodes.update({inode} - {0})  # 0: no process has it
                    found.append(KernelSocket(
                        _STATES[int(row[3], 16)],
                        int(row[4].split(":")[0], 16), inode))
    return found


def proc_status(pid):
    """/proc/PID/status as a dictionary; empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file
                        if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def exists(pid):
    """True while the process is there and no zombie."""
    return proc_status(pid).get("State", "Z")[0] not in "ZX"


def children(pid):
    """Pids of the process's children, zombies too."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(child) for child in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descriptors(pid):
    """What the process has open: {number: target}."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
    return found


def limits(pid):
    """/proc/PID/limits: {"Max open files": ("1", "1"), ...}, soft and hard."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip())
                for line in list(file)[1:]}


def cpu_seconds(pid):
    """User and system time that the process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serves_tcp(pid):
    """False for a client child whose client is on no TCP socket, as a trial's;
    True when that cannot be seen, as of one that has ended."""
    try:
        inode = os.readlink(f"/proc/{pid}/fd/0")[len("socket:["):-1]
    except PermissionError:
        return True
    except OSError:
        return bool(proc_status(pid))
    for name in "tcp", "tcp6":
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            if any(line.split()[9] == inode for line in list(file)[1:]):
                return True
    return False


def limit(pid, name, soft):
    """prlimit(1): sets a soft limit of a process, as its own user: root in a
    container may have no CAP_SYS_RESOURCE."""
    user = {}
    if IS_ROOT:
        uid = int(proc_status(pid)["Uid"].split()[0])
        gid = int(proc_status(pid)["Gid"].split()[0])
        user = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(["prlimit", "--pid", str(pid), f"--{name}={soft}:"],
                   check=True, **user)


def pgid(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def group_members(group, pids=None):
    """Pids of the living processes in that process group: of these, or of
    all."""
    if pids is None:
        pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if pgid(pid) == group and exists(pid)]


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
