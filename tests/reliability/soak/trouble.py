"""What happens to the daemon while the swarm loads it: changes by its operator,
and faults.  Each is a function of a Scene and a random.Random that returns once
it is over; the board says what clients may hear meanwhile."""

import collections
import os
import signal
import socket
import subprocess
import time

from harness import (CTL, connect, descriptors, die_with_parent, limit,
                     limits, read_to_end, wait_for)
from scene import FOLLOWED, NAMES, SIGNALS, TARGETS
from targets import greeting

AGENT = TARGETS[NAMES.index("agent")]
BRIEFLY = 0.3  # seconds that a fault lasts
# Exit statuses of forkgreetctl that are no refusal: nobody there, no answer.
UNANSWERED = (os.EX_UNAVAILABLE, os.EX_TEMPFAIL)


# ------------------------------------------------------------------- changes

def next_config(scene):
    """The version of the configuration after this one."""
    return scene.board.only(NAMES[0], "configs") + 1


def begin_reload(scene):
    """Writes the next version; returns it."""
    version = next_config(scene)
    scene.daemon.write_config(scene.places.configuration(version, scene.top))
    scene.board.change(NAMES, "configs", version)
    return version


def reload(scene, _):
    """The next version of all texts in the configuration."""
    version = begin_reload(scene)
    scene.must("reload")
    scene.board.settle(NAMES, "configs", version)


def reload_badly(scene, draw):
    """A configuration that will not do changes nothing."""
    good = scene.places.configuration(next_config(scene) - 1, scene.top)
    scene.daemon.write_config(draw.choice((
        good[:len(good) // 2], good.replace("port = ", "port = 9", 3),
        good.replace("hold = true;", "hold = 30s;"), "")))
    if scene.ctl("reload").returncode in (0, *UNANSWERED):
        raise AssertionError("a bad configuration was not refused")
    scene.daemon.write_config(good)


def reload_without_reader(scene, _):
    """Who parses the configuration is killed: the reload fails, or came before
    that."""
    version = begin_reload(scene)
    control = os.path.join(scene.folder, "control")
    with subprocess.Popen([CTL, "-s", control, "-w", "60", "reload"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL,
                          preexec_fn=die_with_parent) as process:
        while process.poll() is None:
            for pid in scene.readers():
                scene.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
    if process.returncode in UNANSWERED:
        raise AssertionError(f"reload: exit status {process.returncode}")
    if process.returncode == 0:
        scene.board.settle(NAMES, "configs", version)
        return
    scene.board.settle(NAMES, "configs", version - 1)
    scene.daemon.write_config(
        scene.places.configuration(version - 1, scene.top))


def ask(scene, target):
    """What a client of ours gets there."""
    address, port = scene.places.address(target)
    scene.asked[target.name] += 1
    with connect(port, address) as sock:
        return read_to_end(sock)[0]


def be_ready(scene, target):
    """Whoever wants to see what a file says."""
    say(scene, "ready", [target.name])


def wait_heard(scene, target, wanted):
    """Until clients get it."""
    heard = collections.deque(maxlen=1)

    def is_heard():
        heard.append(ask(scene, target))
        return heard[0] == wanted
    try:
        wait_for(is_heard)
    except AssertionError as error:
        raise AssertionError(f"{error}: {target.name}: {heard[0][:80]!r}, "
                             f"not {wanted[:80]!r}") from None


def refresh(scene, draw):
    """A greeting file is replaced."""
    target = draw.choice(FOLLOWED)
    be_ready(scene, target)
    version = scene.board.only(target.name, "versions") + 1
    scene.board.change([target.name], "versions", version)
    scene.places.write(target, greeting(target, version))
    wait_heard(scene, target, greeting(target, version).encode())
    scene.board.settle([target.name], "versions", version)


def health(scene, draw):
    """The health file says something else."""
    be_ready(scene, AGENT)
    names = [AGENT.name]
    version = scene.board.only(AGENT.name, "versions") + 1
    state = draw.choice(("ready", "ready", "down"))
    scene.board.change(names, "health", state)
    scene.board.change(names, "versions", version)
    weight = version % 100 + 1
    words = {"ready": (f"up {weight}%\n", f"up ready {weight}%\n"),
             "down": (f"down #v{version}\n", f"ready down #v{version}\n")}
    scene.places.write(AGENT, words[state][0])
    wait_heard(scene, AGENT, words[state][1].encode())
    scene.board.settle(names, "health", state)
    scene.board.settle(names, "versions", version)


def say(scene, state, names, *words):
    """forkgreetctl drain, for one."""
    scene.board.change(names, "operator", state)
    scene.must(state, *words, *(names if len(names) < len(NAMES) else ()))
    scene.board.settle(names, "operator", state)


def states(scene, draw):
    """The operator's word, for some listeners or for all."""
    names = draw.sample(NAMES, draw.randint(1, 4))
    if draw.random() < 0.3:
        names = list(NAMES)
    state = draw.choice(("ready", "ready", "drain", "maintenance"))
    say(scene, state, names)


def all_ready(scene, _):
    """The same, as most of the time."""
    say(scene, "ready", list(NAMES))


def upgrade(scene, _):
    """New programs, all of them.  A daemon whose spawner is stuck says so, and
    stays as it is."""
    def has_upgraded():
        done = scene.ctl("upgrade")
        if done.returncode and "does not clone" not in done.stderr:
            raise AssertionError(f"upgrade: {done}")
        return done.returncode == 0
    scene.install()
    wait_for(has_upgraded, what="an upgrade")
    scene.upgrades += 1


def upgrade_badly(scene, draw):
    """To a program that is none, or another one."""
    scene.install(draw.choice((__file__, "/bin/false")))
    scene.must("upgrade", status=1)
    scene.install()


def look(scene, draw):
    """Operators that look; some go in the middle of it."""
    for words in (["-j", "clients"], ["metrics"], ["-j", "status"]):
        scene.must(*words)
    scene.must("log-level", draw.choice(("info", "notice")))
    gone = []
    for _ in range(8):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(os.path.join(scene.folder, "control"))
        sock.send(draw.randbytes(draw.randint(1, 64)))
        gone.append(sock)
    for sock in gone:
        sock.close()


# -------------------------------------------------------------------- faults

def kill_spawner(scene, draw):
    """One of the two, or both."""
    pids = scene.spawners()
    for pid in draw.sample(pids, draw.randint(1, len(pids))) if pids else ():
        scene.kill(pid, signal.SIGKILL)


def stop_spawner(scene, _):
    """It is stuck: the daemon replaces it when it notices."""
    for pid in scene.spawners():
        scene.kill(pid, signal.SIGSTOP)


def kill_children(scene, draw):
    """Some that serve clients, by signals that crash them and others."""
    number = draw.choice(SIGNALS)
    pids = scene.clients()
    for pid in draw.sample(pids, min(len(pids), draw.randint(1, 8))):
        scene.kill(pid, number)


def stop_children(scene, draw):
    """Some of them, for a moment."""
    pids = scene.clients()
    pids = draw.sample(pids, min(len(pids), 8))
    for pid in pids:
        scene.kill(pid, signal.SIGSTOP)
    scene.swarm.lasts(BRIEFLY)
    for pid in pids:
        scene.kill(pid, signal.SIGCONT)


def squeeze_files(scene, _):
    """The master can open nothing for a moment."""
    scene.squeezed = True
    before = scene.soft_files()
    limit(scene.daemon.pid, "nofile", len(descriptors(scene.daemon.pid)))
    scene.swarm.lasts(BRIEFLY)
    limit(scene.daemon.pid, "nofile", before)


def squeeze_processes(scene, _):
    """No spawner can have children for a moment."""
    before = {}
    for pid in scene.spawners():
        try:
            before[pid] = limits(pid)["Max processes"][0]
            limit(pid, "nproc", 0)
        except (OSError, KeyError, subprocess.CalledProcessError):
            before.pop(pid, None)  # it has just ended
    scene.swarm.lasts(BRIEFLY)
    for pid, soft in before.items():
        try:
            limit(pid, "nproc", soft)
        except (OSError, KeyError, subprocess.CalledProcessError):
            pass  # it was replaced


# How often each comes, in proportion; upgrades: see run.
TROUBLES = {
    reload: 10, reload_badly: 4, reload_without_reader: 4, refresh: 10,
    health: 10, states: 10, all_ready: 8, upgrade: 0, upgrade_badly: 2,
    look: 4, kill_spawner: 6, stop_spawner: 1, kill_children: 12,
    stop_children: 4, squeeze_files: 3, squeeze_processes: 3,
}
