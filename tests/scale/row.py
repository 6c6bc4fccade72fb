"""A row: clients all the time, while one instance is drained and restarted,
one is killed and started again, one is reloaded and upgraded."""

import multiprocessing
import shutil
import subprocess
import time

from balancers import Haproxy, Nginx
from crowd import Crowd, tls_context
from harness import PATIENCE, wait_for
from instance import Instance, configuration
from judge import Verdict
from network import BALANCER, INSTANCES
from recipe import block
from stage import Stage

AT = 16  # clients at a time
KILLS = 3
RELOADS = 20
UPGRADE_EVERY = 5  # reloads
SOME = 20  # clients: how many must be greeted before the next thing happens
AUTHORITY = """\
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=authority -keyout authority.key -out authority.pem
for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj "/CN=$name.example" -keyout "$name.key" -out "$name.request"
    openssl x509 -req -in "$name.request" -CA authority.pem \
        -CAkey authority.key -CAcreateserial -days 2 -out "$name.only"
    cat "$name.only" "$name.key" >"$name.pem"
done
"""


class Row:
    """What stands in front, in which mode, with which header: HAProxy's
    options; nginx has one only."""

    def __init__(self, name, mode, header="", tls=False):
        self.name, self.mode, self.header, self.tls = name, mode, header, tls

    @property
    def in_http(self):
        """Are these HTTP clients?"""
        return self.mode == "http"

    def why_not(self):
        """What it needs and is not here; "" when all is."""
        if self.tls and shutil.which("openssl") is None:
            return "openssl is not installed"
        return (Nginx if self.mode == "nginx" else Haproxy).why_not()

    def balancer(self, folder):
        """Started."""
        if self.mode == "nginx":
            return Nginx(self.header, folder)
        return Haproxy.of_readme(self.mode, self.header, self.tls and (
            f"ssl crt {folder}/server.pem ca-file {folder}/authority.pem "
            "verify required"))

    def crowd(self, folder, port):
        """The clients, who hear the address that the instances know."""
        tls = tls_context(f"{folder}/authority.pem",
                          f"{folder}/client.pem") if self.tls else None
        return Crowd(AT, folder, port, self.in_http, tls,
                     None if self.header else BALANCER)

    @property
    def instance_port(self):
        """Of README's listeners."""
        return 8080 if self.in_http else 4444

    def play(self, seconds, begin):
        """All of it, at least so long, begin() once all has been started;
        AssertionError when something is not as it should be."""
        with Stage() as stage:
            play = Play(self, stage, seconds)
            begin()
            play.run()


class Play:
    """One row, played."""

    def __init__(self, row, stage, seconds):
        self.row, self.stage, self.seconds = row, stage, seconds
        if row.tls:
            subprocess.run(["sh", "-ec", AUTHORITY], cwd=stage.folder,
                           check=True, stderr=subprocess.DEVNULL)
        for name in INSTANCES:
            stage.add(Instance(name, configuration(bool(row.header)),
                               stage.folder, row.instance_port))
        self.balancer = stage.front(row.balancer(stage.folder))
        self.crowd = row.crowd(stage.folder, self.balancer.ports[0])
        self.gaps = []  # (begin, end) of each kill

    def run(self):
        """With clients all the time."""
        one, two, three = self.stage.instances.values()
        reloads = multiprocessing.get_context("fork").Process(
            target=self._reload, args=(three,), daemon=True)
        with self.crowd as crowd:
            begin = time.monotonic()
            crowd.wait_more(SOME)
            reloads.start()
            self._drain(one)
            for number in range(KILLS):
                self._kill(two, noticed=number > 0)
            reloads.join(2 * self.seconds + PATIENCE)
            crowd.wait_more(SOME)
            time.sleep(max(0, begin + self.seconds - time.monotonic()))
        assert reloads.exitcode == 0, "a reload failed"
        Verdict(self).judge()

    def _drain(self, one):
        """As README says it, with a restart."""
        self.balancer.let_know(one.name, True)
        for words in map(str.split,
                         block("forkgreetctl drain").splitlines()):
            one.ctl(*words[1:])
        self.balancer.wait_not_taking(one.name)
        wait_for(lambda: self._unused(one), PATIENCE, "nobody comes to it")
        one.restart()
        one.ctl("ready")
        self.balancer.let_know(one.name, False)
        self.balancer.wait_taking(one.name)
        self._wait_used(one)

    def _kill(self, two, noticed):
        """With -9, while it serves; it is started again, perhaps not before
        the balancer has noticed."""
        self._wait_used(two)
        self.gaps.append(two.kill())
        self.crowd.wait_more(SOME)
        if noticed:
            self.balancer.wait_not_taking(two.name)
        two.start()
        self.balancer.wait_taking(two.name)
        self._wait_used(two)

    def _unused(self, instance):
        """Do all of some clients go elsewhere?"""
        sent = self.balancer.sent(instance)
        self.crowd.wait_more(SOME)
        return self.balancer.sent(instance) == sent

    def _wait_used(self, instance):
        """Until it has clients."""
        goal = self.balancer.sent(instance) + SOME
        wait_for(lambda: self.balancer.sent(instance) >= goal, PATIENCE,
                 f"clients for {instance.name}")

    def _reload(self, three):
        """In a process of its own."""
        for number in range(RELOADS):
            three.ctl("reload")
            if number % UPGRADE_EVERY == 0:
                three.ctl("upgrade")
            time.sleep(self.seconds / RELOADS)


ROWS = (
    Row("tcp", "tcp"),
    Row("tcp send-proxy", "tcp", "send-proxy"),
    Row("tcp send-proxy-v2", "tcp", "send-proxy-v2"),
    Row("tcp check-send-proxy", "tcp",
        "send-proxy-v2 port 4444 check-send-proxy"),
    Row("tcp send-proxy-v2-ssl-cn", "tcp",
        "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority", tls=True),
    Row("http", "http"),
    Row("http send-proxy", "http", "send-proxy"),
    Row("http send-proxy-v2", "http", "send-proxy-v2"),
    Row("http send-proxy-v2-ssl-cn", "http", "send-proxy-v2-ssl-cn",
        tls=True),
    Row("nginx", "nginx"),
    Row("nginx proxy_protocol", "nginx", "proxy_protocol"),
)
