"""forkgreetctl metrics, and what is made of them: alerts, a dashboard,
node_exporter's textfile collector."""

import glob
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from harness import (BUILDDIR, CTL, HOST, IS_ROOT, PATIENCE, become_user,
                     die_with_parent, free_port, greet, wait_for)
from monitoring import (DASHBOARD, PEERS, RULES, RULES_TEST, find, parse,
                        promtool, total, types)
from test_control import ControlCase

FEED = os.path.join(BUILDDIR, "forkgreet-feed")
METRIC = re.compile(r"\bforkgreet_\w+")


class MetricsCase(ControlCase):
    """A daemon whose metrics are asked for."""

    def text(self):
        """What it prints."""
        return self.good("metrics")

    def samples(self):
        """The same, by name and labels."""
        return parse(self.text())

    def total(self, name, **labels):
        """A sum now."""
        return total(self.samples(), name, **labels)

    def settled(self):
        """Samples once nobody is served."""
        return wait_for(lambda: samples if total(
            samples := self.samples(), "forkgreet_clients") == 0 else None,
            what="the end of all clients")


class Format(MetricsCase):
    """The text."""

    NAMES = ("a", "{}", "a,b", "%{listener}", "#", "-", "le;x")

    def start_many(self):
        """A daemon with listeners of odd names."""
        self.ports = [free_port() for _ in self.NAMES]
        return self.daemon(", ".join(
            self.listener(name=name, port=port)
            for name, port in zip(self.NAMES, self.ports)))

    def test_promtool(self):
        """It has nothing to say of it, neither as it is nor after a reload
        that has removed listeners."""
        daemon = self.start_many()
        for port in self.ports:
            greet(port)
        self.settled()
        before = self.text()
        daemon.reload(self.configuration(
            self.listener(name="a", port=self.ports[0])))
        after = self.text()
        self.assertIn('{listener=""}', after)
        for text in before, after:
            result = promtool("check", "metrics", input=text)
            self.assertEqual(
                (result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_promtool_objects(self):
        """To what is wrong."""
        result = promtool("check", "metrics", input="x{ 1\n")
        self.assertNotEqual(result.returncode, 0)

    def test_names_of_listeners(self):
        self.start_many()
        samples = self.samples()
        for name in self.NAMES:
            self.assertIn(("forkgreet_clients", (("listener", name),)),
                          samples)

    def test_usage(self):
        self.daemon()
        self.assertIn("metrics: does not take -j", self.bad(64, "-j", "metrics"))
        self.assertIn("too many", self.bad(64, "metrics", "a"))
        self.assertIn("does not take", self.bad(
            64, "metrics", "--reason", "a"))
        with self.dial(b"metrics json\n") as sock:
            self.assertTrue(sock.recv(1000).startswith(b"64 0 "))

    def test_most_listeners(self):
        """All that a configuration may have fit into an answer, and into a
        greeting."""
        ports = [free_port() for _ in range(4)]
        listeners = ", ".join(
            f'{{ name = "{"n" * 60}{i:04}"; address = "127.0.1.{i % 250 + 1}"; '
            f'port = {ports[i // 250]}; }}' for i in range(256))
        self.daemon(listeners)
        text = self.text()
        self.assertEqual(text.count("\nforkgreet_accepted_total{"), 256)
        self.assertLess(len(text), 1 << 20)


class Values(MetricsCase):
    """What is counted."""

    def test_sums(self):
        """accepted = refused + ended + live, for each listener and in all, and
        each end has a duration."""
        ports = [free_port(), free_port()]
        listeners = [
            self.listener("rules = ( { from = \"any\"; action = \"deny\"; } );",
                          name="closed", port=ports[0]),
            self.listener("hold = true;", name="held", port=ports[1])]
        daemon = self.daemon(", ".join(listeners))
        for _ in range(3):
            greet(ports[0])
        held = self.connect(ports[1])
        self.assertEqual(held.recv(100), b"hi client\n")
        for _ in range(2):
            self.connect(ports[1]).close()
        samples = wait_for(lambda: now if total(
            now := self.samples(), "forkgreet_ended_total") == 2 else None)
        for labels in {"listener": "closed"}, {"listener": "held"}, {}:
            self.assertEqual(
                total(samples, "forkgreet_accepted_total", **labels),
                sum(total(samples, f"forkgreet_{name}", **labels)
                    for name in ("refused_total", "ended_total", "clients")))
        self.assertEqual(total(samples, "forkgreet_refused_total",
                               listener="closed", reason="denied"), 3)
        self.assertEqual(total(samples, "forkgreet_clients",
                               listener="held"), 1)
        self.assertEqual(total(
            samples, "forkgreet_session_duration_seconds_count"), 2)
        held.close()
        self.settled()
        # A listener that is gone takes nothing with it.
        daemon.reload(self.configuration(listeners[0]))
        samples = self.samples()
        self.assertEqual(total(samples, "forkgreet_accepted_total"), 6)
        self.assertEqual(total(
            samples, "forkgreet_accepted_total", listener=""), 3)
        self.assertEqual(total(samples, "forkgreet_ended_total"), 3)

    def test_durations(self):
        """A client that stays half a second is in its bucket."""
        self.daemon(self.listener("hold = true;"))
        sock = self.connect(self.port)
        sock.recv(100)
        threading.Event().wait(0.6)
        sock.close()
        samples = self.settled()
        name = "forkgreet_session_duration_seconds"
        self.assertEqual(total(samples, name + "_bucket", le="0.5"), 0)
        self.assertEqual(total(samples, name + "_bucket", le="+Inf"), 1)
        self.assertGreaterEqual(total(samples, name + "_sum"), 0.6)

    def reasons(self):
        """{reason: starts}, whose sum is the generation."""
        samples = self.samples()
        starts = {dict(labels)["reason"]: int(value)
                  for (name, labels), value in samples.items()
                  if name == "forkgreet_spawner_starts_total"}
        self.assertEqual(sum(starts.values()),
                         total(samples, "forkgreet_spawner_generation"))
        return {reason: n for reason, n in starts.items() if n}

    def test_spawner_starts(self):
        """Each for its reason."""
        path = self.file("one\n")
        daemon = self.daemon(self.listener(
            f'greeting_file = "{path}"; refresh = 0.2; hold = true;'))
        wanted = {"start": 1}
        self.assertEqual(self.reasons(), wanted)
        daemon.reload()
        wanted["reload"] = 1
        self.assertEqual(self.reasons(), wanted)
        daemon.settle()
        sock = self.connect(self.port)
        sock.recv(100)
        os.kill(self.lasting(daemon), signal.SIGSEGV)
        wanted["crash"] = 1
        wait_for(lambda: self.reasons() == wanted, what="crash")
        daemon.settle()
        (pid,) = daemon.spawners()
        os.kill(pid, signal.SIGKILL)
        wanted["died"] = 1
        wait_for(lambda: self.reasons() == wanted, what="death")
        daemon.settle()
        (pid,) = daemon.spawners()
        os.kill(pid, signal.SIGSTOP)
        self.connect(self.port)
        wanted["replaced"] = 1
        wait_for(lambda: self.reasons() == wanted, what="replacement")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write("two\n")
        os.rename(path + ".new", path)
        wanted["refresh"] = 1
        wait_for(lambda: self.reasons() == wanted, what="refresh")

    @staticmethod
    def lasting(daemon):
        """The child of the one client; those of a trial do not stay."""
        def child():
            found = set(daemon.clients())
            threading.Event().wait(0.02)
            found &= set(daemon.clients())
            return found.pop() if len(found) == 1 else None
        return wait_for(child)

    def test_reloads(self):
        daemon = self.daemon()
        first = self.samples()
        stamp = "forkgreet_config_last_reload_success_timestamp_seconds"
        good = "forkgreet_config_last_reload_successful"
        self.assertEqual(total(first, good), 1)
        self.assertLess(abs(total(first, stamp) - total(
            first, "forkgreet_start_time_seconds")), PATIENCE)
        config = self.configuration()
        daemon.reload(config.replace("127.0.0.1", "nowhere"), "failed")
        samples = self.samples()
        self.assertEqual(total(samples, good), 0)
        self.assertEqual(total(samples, stamp), total(first, stamp))
        self.assertEqual(
            total(samples, "forkgreet_reloads_total", result="failed"), 1)
        threading.Event().wait(1.1)
        daemon.reload(config)
        samples = self.samples()
        self.assertEqual(total(samples, good), 1)
        self.assertGreater(total(samples, stamp), total(first, stamp))
        self.assertEqual(
            total(samples, "forkgreet_reloads_total", result="ok"), 1)

    def test_greeting_age(self):
        """Of the version in force, also when that was read without a reload
        and when it says the same as before."""
        path = self.file("one\n")

        def age():
            return self.total("forkgreet_greeting_age_seconds",
                              listener="main")

        def write(text, seconds):
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write(text)
            when = os.stat(path + ".new").st_mtime - seconds
            os.utime(path + ".new", (when, when))
            os.rename(path + ".new", path)
        write("one\n", 5000)
        self.daemon(self.listener(
            f'greeting_file = "{path}"; refresh = 0.2;'))
        self.assertTrue(5000 <= age() < 5000 + PATIENCE, age())
        write("two\n", 1000)
        wait_for(lambda: 1000 <= age() < 1000 + PATIENCE, what="another text")
        write("two\n", 500)
        wait_for(lambda: 500 <= age() < 500 + PATIENCE, what="the same text")
        self.assertEqual(greet(self.port), b"two\n")

    def test_queue(self):
        """Clients that wait for a place."""
        self.daemon(self.listener("hold = true; limits = { max_clients = 1; };"))
        socks = [self.connect(self.port) for _ in range(4)]
        wait_for(lambda: self.total("forkgreet_listen_queue") == 3,
                 what="three in the queue")
        for sock in socks:
            sock.close()

    def test_state_and_labels(self):
        self.daemon()
        self.good("drain", "main")
        samples = self.samples()
        for state in "ready", "drain", "down", "maintenance":
            self.assertEqual(total(samples, "forkgreet_state", state=state),
                             state == "drain")
        status = self.status()
        self.assertEqual(total(samples, "forkgreet_sandbox_info",
                               sandbox=status["sandbox"]), 1)
        self.assertEqual(total(samples, "forkgreet_build_info",
                               version=status["version"]), 1)


class Rules(unittest.TestCase):
    """contrib/prometheus"""

    def setUp(self):
        with open(RULES, encoding="utf-8") as file:
            self.rules = file.read()

    def test_rules(self):
        result = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("FAILED", result.stdout + result.stderr)

    def test_alerts(self):
        """Each fires when it is to, and not otherwise."""
        result = promtool("test", "rules", RULES_TEST)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_each_alert_is_tested(self):
        with open(RULES_TEST, encoding="utf-8") as file:
            tested = set(re.findall(r"alertname: (\w+)", file.read()))
        alerts = re.findall(r"- alert: (\w+)", self.rules)
        self.assertEqual(sorted(alerts), sorted(tested))

    def test_the_tests_can_fail(self):
        """Without an alert, or with its opposite."""
        folder = tempfile.mkdtemp(prefix="forkgreet-test-")
        self.addCleanup(shutil.rmtree, folder)
        shutil.copy(RULES_TEST, folder)
        for alert in re.findall(r"- alert: (\w+)", self.rules):
            with self.subTest(alert), open(os.path.join(
                    folder, os.path.basename(RULES)), "w",
                    encoding="utf-8") as file:
                file.write(self.rules.replace(
                    f"alert: {alert}\n", f"alert: No{alert}\n"))
                file.flush()
                self.assertNotEqual(promtool("test", "rules", os.path.join(
                    folder, os.path.basename(RULES_TEST))).returncode, 0)


class Dashboard(MetricsCase):
    """contrib/grafana"""

    def setUp(self):
        super().setUp()
        with open(DASHBOARD, encoding="utf-8") as file:
            self.dashboard = json.load(file)
        self.expressions = [
            target["expr"] for panel in self.dashboard["panels"]
            for target in panel.get("targets", ())]

    def test_panels(self):
        """Each has a number of its own, and none covers another."""
        taken, numbers = set(), set()
        for panel in self.dashboard["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y)
                     for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            self.assertNotIn(panel["id"], numbers)
            numbers.add(panel["id"])
            letters = [t["refId"] for t in panel.get("targets", ())]
            self.assertEqual(len(letters), len(set(letters)))
        self.assertGreater(len(self.expressions), 20)

    def test_metrics(self):
        """Dashboard and alerts use what the daemon has, and the dashboard has
        all of it."""
        self.daemon(self.listener(
            f'greeting_file = "{self.file("x")}";'))
        text = self.text()
        labels = {}
        for name, pairs in parse(text):
            labels.setdefault(name, {"job", "instance"}).update(dict(pairs))
        with open(RULES, encoding="utf-8") as file:
            rules = file.read()
        variables = [variable["query"]["query"]
                     for variable in self.dashboard["templating"]["list"]
                     if variable["type"] == "query"]
        for source in (rules, *self.expressions, *variables):
            for name in METRIC.findall(source):
                self.assertIn(name, labels)
            for name, matchers in re.findall(
                    r"(forkgreet_\w+)\{([^}]*)\}", source):
                for label in re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers):
                    self.assertIn(label, labels[name], source)
        shown = set(METRIC.findall("\n".join(self.expressions)))
        shown |= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
        self.assertEqual(set(types(text)) - shown, set())

    def test_expressions(self):
        """Prometheus can read each of them."""
        text = "groups:\n- name: dashboard\n  rules:\n"
        for i, expression in enumerate(self.expressions):
            expression = expression.replace("$__rate_interval", "5m")
            text += (f"  - record: panel:{i}\n"
                     f"    expr: {json.dumps(expression)}\n")
        path = self.file(text, name="rules.yml")
        result = promtool("check", "rules", path)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(f"{len(self.expressions)} rules found", result.stdout)

    KINDS = {"timeseries": ("timeseries/panelcfg/x/TimeSeriesPanelCfg",
                            "FieldConfig"),
             "stat": ("stat/panelcfg/x/StatPanelCfg", None),
             "state-timeline": ("statetimeline/panelcfg/x/"
                                "StateTimelinePanelCfg", "FieldConfig")}

    def typescript(self, dashboard):
        """A program that compiles if the dashboard is as Grafana's schema has
        it: whole, and each panel's options and fields for their kind."""
        raw = "@grafana/schema/dist/esm/raw"
        lines = [f'import type {{ Dashboard }} from '
                 f'"{raw}/dashboard/x/dashboard_types.gen";',
                 # Words of an enum stand for themselves in JSON.
                 "type Plain<T> = T extends string ? `${T}` :",
                 "  T extends number | boolean | null | undefined ? T :",
                 "  T extends (infer U)[] ? Plain<U>[] :",
                 "  { [K in keyof T]: Plain<T[K]> };",
                 "export const dashboard: Plain<Dashboard> = "
                 f"{json.dumps(dashboard)};"]
        for kind, (path, _) in self.KINDS.items():
            lines.insert(0, f'import type * as {kind.replace("-", "_")} from '
                            f'"{raw}/composable/{path}_types.gen";')
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                continue
            kind, name = panel["type"].replace("-", "_"), panel["id"]
            lines.append(f"export const o{name}: Plain<{kind}.Options> = "
                         f'{json.dumps(panel["options"])};')
            if self.KINDS[panel["type"]][1]:
                custom = panel["fieldConfig"]["defaults"]["custom"]
                lines.append(f"export const f{name}: Plain<{kind}.FieldConfig>"
                             f" = {json.dumps(custom)};")
        return "\n".join(lines) + "\n"

    def compiled(self, dashboard):
        """The compiler's complaints."""
        modules = next((path for folder in PEERS if os.path.isdir(
            path := os.path.join(folder, "node_modules/@grafana/schema"))),
            None)
        if modules is None or shutil.which("node") is None:
            self.skipTest("needs @grafana/schema and typescript of npm: "
                          "sh contrib/install-deps test")
        modules = os.path.realpath(os.path.join(modules, "../.."))
        folder = self.folder()
        os.symlink(modules, os.path.join(folder, "node_modules"))
        path = os.path.join(folder, "dashboard.ts")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.typescript(dashboard))
        result = subprocess.run(
            ["node", os.path.join(modules, "typescript/bin/tsc"), "--noEmit",
             "--strict", "--skipLibCheck", "--moduleResolution", "node",
             "--target", "es2020", path],
            capture_output=True, text=True, check=False, cwd=folder,
            timeout=8 * PATIENCE)
        self.assertEqual(result.returncode == 0, result.stdout == "")
        return result.stdout

    def test_schema(self):
        """Grafana's own types take it."""
        self.assertEqual(self.compiled(self.dashboard), "")

    def test_schema_objects(self):
        """They do not take slips of all depths."""
        for word, change in (
                ("7", lambda d: d.update(graphTooltip=7)),
                ("titel", lambda d: d.update(titel="x")),
                ("querry", lambda d: d["templating"]["list"][1].update(
                    type="querry")),
                ("everything", lambda d: d["panels"][1]["options"].update(
                    textMode="everything")),
                ("'h'", lambda d: d["panels"][1]["gridPos"].pop("h")),
                ("fillOpacitty", lambda d: d["panels"][-1]["fieldConfig"]
                 ["defaults"]["custom"].update(fillOpacitty=1))):
            with self.subTest(word):
                dashboard = json.loads(json.dumps(self.dashboard))
                change(dashboard)
                errors = self.compiled(dashboard)
                self.assertRegex(errors, r"error TS2\d\d\d: ")
                self.assertIn(word, errors)


class Textfile(MetricsCase):
    """For node_exporter."""

    def write(self, folder, *options):
        """The feed, writing to the folder."""
        return [FEED, *options, "-o", os.path.join(folder, "forkgreet.prom"),
                CTL, "-s", self.path, "metrics"]

    def test_whole(self):
        """At every moment the one file that the collector reads is whole."""
        self.daemon()
        folder = self.folder()
        subprocess.run(self.write(folder, "-1"), check=True, timeout=PATIENCE,
                       stdin=subprocess.DEVNULL)
        names = set(types(self.text()))
        with subprocess.Popen(
                self.write(folder, "-i", "0.01"), stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent) as feed:
            try:
                versions = set()
                while len(versions) < 20:
                    self.assertEqual(
                        glob.glob(os.path.join(folder, "*.prom")),
                        [os.path.join(folder, "forkgreet.prom")])
                    with open(os.path.join(folder, "forkgreet.prom"),
                              encoding="utf-8") as file:
                        text = file.read()
                        versions.add(os.fstat(file.fileno()).st_ino)
                    self.assertEqual(set(types(text)), names)
                    self.assertTrue(parse(text))
                    greet(self.port)
            finally:
                feed.terminate()
                feed.wait(PATIENCE)

    def test_node_exporter(self):
        """The real one serves them."""
        program = find("prometheus-node-exporter")
        self.daemon()
        folder, port = self.folder(), free_port()
        subprocess.run(self.write(folder, "-1"), check=True, timeout=PATIENCE,
                       stdin=subprocess.DEVNULL)

        def before():
            die_with_parent()
            if IS_ROOT:
                become_user()

        def answer():
            connection = http.client.HTTPConnection(HOST, port,
                                                    timeout=PATIENCE)
            try:
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()
            except ConnectionError:
                return None
            finally:
                connection.close()
        with subprocess.Popen(
                [program, f"--web.listen-address={HOST}:{port}",
                 "--collector.disable-defaults", "--collector.textfile",
                 f"--collector.textfile.directory={folder}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=before) as exporter:
            try:
                text = wait_for(answer, 2 * PATIENCE, "node_exporter")
            finally:
                exporter.kill()
        self.assertIn("\nnode_textfile_scrape_error 0\n", text)
        self.assertLessEqual(
            {name for name in types(self.text())
             if name != "forkgreet_greeting_age_seconds"}, set(types(text)))
        self.assertRegex(
            text, r'\nnode_textfile_mtime_seconds\{file="[^"]*forkgreet\.prom"\}')


if __name__ == "__main__":
    from harness import main
    main()
