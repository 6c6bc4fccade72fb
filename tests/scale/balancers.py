"""Who stands in front: HAProxy and nginx, with README's configurations."""

import os
import re
import shutil
import signal
import subprocess

from balancer import HAProxy
from harness import PATIENCE, children, die_with_parent, wait_for
from network import BALANCER, INSTANCES
from readme import TOP
from recipe import block, replaced

# All are on one machine here, where a connection to an address comes from
# the same one unless it is told otherwise.
COMMON = f"""
global
	log stdout format raw local0
defaults
	source {BALANCER}
	log global
	log-format "%ci %cp %s %ts"
"""
HEADER = "send-proxy-v2"  # in README
# Of "show stat": who gets new clients, who does not.
TAKING = ("UP",)
NOT_TAKING = ("DRAIN (agent)", "DOWN", "DOWN (agent)")
COUNTED = ("stot", "econ", "eresp", "wretr", "wredis", "chkfail", "chkdown")


class Haproxy:
    """HAProxy with these ports and defaults and what listens."""

    def __init__(self, ports, text):
        self.ports = ports
        self._haproxy = HAProxy(COMMON + text)

    @classmethod
    def of_readme(cls, mode, header, tls=""):
        """In tcp or in http mode; header: its options for the PROXY protocol,
        "" for none; tls: for the clients."""
        defaults, separator, listen = block("listen greeting").partition(
            "listen ")
        listen = separator + listen if mode == "tcp" else block("listen page")
        listen = replaced(listen, HEADER + " ", header and header + " ")
        port = int(re.search(r"bind \S+:(\d+)", listen)[1])
        if tls:
            listen = re.sub(r"(bind \S+)", rf"\1 {tls}", listen)
        return cls([port], replaced(defaults, "defaults\n", "") + listen)

    @staticmethod
    def why_not():
        """What is missing; "" when nothing is."""
        return "" if shutil.which("haproxy") else "haproxy is not installed"

    def end(self):
        """Afterwards it is gone."""
        self._haproxy.end()

    def _wait(self, name, states):
        def have():
            return {row["status"] for row in self._haproxy.servers(name)}
        wait_for(lambda: have() and have() <= set(states), PATIENCE,
                 f"HAProxy: {name} {states}, not {have()}")

    def wait_taking(self, name):
        """Until it sends clients there."""
        self._wait(name, TAKING)

    def wait_not_taking(self, name):
        """Until it knows that the instance wants none, or is not there."""
        self._wait(name, NOT_TAKING)

    def let_know(self, name, drained):
        """It finds out by itself."""

    def servers(self):
        """All rows of "show stat"."""
        return self._haproxy.servers()

    def sent(self, instance):
        """How many clients it has sent there."""
        row, = self._haproxy.servers(instance.name)
        return int(row["stot"])

    def numbers(self):
        """What it has counted: {what: number}."""
        return {key: sum(int(row[key] or 0) for row in self.servers())
                for key in COUNTED}

    def sent_to(self):
        """{(address, port) of a client: the instances that it was sent to}"""
        found = {}
        for words in map(str.split, self._haproxy.log()):
            if len(words) == 4 and words[1].isdigit():
                found.setdefault((words[0], int(words[1])), []).append(
                    words[2])
        return found


def find_nginx():
    """Its program and its module; None: not installed."""
    for root in os.path.join(TOP, "build-peers"), "/":
        found = [os.path.join(root, path) for path in (
            "usr/sbin/nginx", "usr/lib/nginx/modules/ngx_stream_module.so")]
        if all(map(os.path.exists, found)):
            return found
    return None


class Nginx:
    """nginx as a TCP proxy, with or without a header."""

    def __init__(self, header, folder):
        self._config = os.path.join(folder, "nginx.conf")
        self._log = os.path.join(folder, "nginx.log")
        self._access = os.path.join(folder, "nginx.access")
        program, module = find_nginx()
        self._text = self._configuration(module, header)
        self.ports = [int(port) for port in
                      re.findall(r"listen \S+:(\d+)", self._text)]
        self._write(self._text)
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [program, "-e", "stderr", "-c", self._config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent)

    def _configuration(self, module, header):
        text = block("stream {")
        if not header:
            text = replaced(text, "proxy_protocol on;", "")
        text = replaced(text, "proxy_pass ",
                        f"proxy_bind {BALANCER}; proxy_pass ")
        text = replaced(
            text, "stream {", "stream { log_format to '$remote_addr "
            f"$remote_port to $upstream_addr'; access_log {self._access} to;")
        return (f"load_module {module};\ndaemon off;\n"
                f"pid {self._config}.pid;\nerror_log stderr notice;\n"
                f"events {{ }}\n{text}")

    def _write(self, text):
        with open(self._config, "w", encoding="ascii") as file:
            file.write(text)

    @staticmethod
    def why_not():
        """What is missing; "" when nothing is."""
        return "" if find_nginx() else \
            "nginx is not installed, or not its module stream"

    def end(self):
        """Afterwards it is gone, with its workers."""
        self._process.terminate()
        self._process.wait()

    def let_know(self, name, drained):
        """What README says of draining: "down" in its configuration."""
        workers = set(children(self._process.pid))
        server = f"server {INSTANCES[name]}:{self.ports[0]}"
        self._write(replaced(self._text, server + ";", server + " down;")
                    if drained else self._text)
        self._process.send_signal(signal.SIGHUP)
        wait_for(lambda: not workers & set(children(self._process.pid)),
                 PATIENCE, "the end of nginx's workers")

    def wait_taking(self, name):
        """It does not say."""

    def wait_not_taking(self, name):
        """It does not say."""

    def sent(self, instance):
        """How many clients it has sent there since that was started."""
        return instance.listener()["accepted"]

    def numbers(self):
        """What it has logged: {what: number}."""
        with open(self._log, encoding="utf-8") as file:
            return {"failed connects":
                    sum("connect() failed" in line for line in file)}

    def sent_to(self):
        """{(address, port) of a client: the instances that it was sent to}"""
        names = {f"{address}:{self.ports[0]}": name
                 for name, address in INSTANCES.items()}
        found = {}
        with open(self._access, encoding="utf-8") as file:
            for line in file:
                client, _, addresses = line.strip().partition(" to ")
                address, port = client.split()
                found.setdefault((address, int(port)), []).extend(
                    names.get(word, word) for word in addresses.split(", "))
        return found
