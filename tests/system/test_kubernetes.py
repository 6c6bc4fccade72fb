"""contrib/kubernetes is what the API takes, agrees with the image that
contrib/container makes, and its configuration is one of the daemon's."""

import contextlib
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import unittest

from harness import CTL, PATIENCE, StartCase, run
from monitoring import PEERS, find
from test_documents import TOP, read

try:
    import yaml
except ImportError:
    yaml = None

FOLDER = os.path.join(TOP, "contrib/kubernetes")
KUSTOMIZATION = "kustomization.yaml"
# Version of the API, and what it calls many of a kind.
KINDS = {"ConfigMap": ("v1", "configmaps"),
         "Service": ("v1", "services"),
         "Deployment": ("apps/v1", "deployments"),
         "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
         "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies")}
VALIDATE = """
import { readFileSync } from "node:fs";
%s
const kinds = { %s };
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
	let said = "";
	try {
		new kinds[object.kind](object).validate();
	} catch (error) {
		said = error.message;
	}
	console.log(JSON.stringify(said));
}
"""


def manifests():
    """{file: its object}"""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            found[name] = yaml.safe_load(file)
    return found


def change(thing, path, value):
    """A copy of the object in which what the path names is the value."""
    thing = json.loads(json.dumps(thing))
    place = thing
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return thing


CONTAINER = ("spec", "template", "spec", "containers", 0)
# What none of those who look may let pass: file, where, and with which value.
SLIPS = (
    ("deployment.yaml", ("spec", "replica"), 2),
    ("deployment.yaml", ("spec", "replicas"), "2"),
    ("deployment.yaml", (*CONTAINER, "readinessProb"), {}),
    ("deployment.yaml", (*CONTAINER, "readinessProbe", "httpget"), {}),
    ("deployment.yaml", (*CONTAINER, "securityContext", "readOnlyRootFs"),
     True),
    ("deployment.yaml", ("spec", "template", "spec", "securityContext",
                         "seccompProfile", "type"), "Default"),
    ("deployment.yaml", (*CONTAINER, "lifecycle", "preStop", "exec",
                         "command"), "forkgreetctl drain"),
    ("deployment.yaml", ("spec", "template", "spec", "containers"), {}),
    ("service.yaml", ("spec", "ports", 0, "targetport"), "greeting"),
    ("service.yaml", ("spec", "ports", 0, "port"), "4444"),
    ("service.yaml", ("spec", "ports", 0, "protocol"), "tcp"),
    ("configmap.yaml", ("data", "forkgreet.conf"), 7),
    ("poddisruptionbudget.yaml", ("spec", "minavailable"), 1),
    ("poddisruptionbudget.yaml", ("spec", "minAvailable"), True),
    ("networkpolicy.yaml", ("spec", "podselector"), {}),
    ("networkpolicy.yaml", ("spec", "policyTypes"), "Egress"),
    ("networkpolicy.yaml", ("spec", "ingress", 0, "ports", 0, "prot"),
     "TCP"))
# The schemas as functions do not look for fields that they do not know, nor for
# all of the words that a field may have.
UNSEEN = {path[-1] for _, path, _ in SLIPS} - {
    "replicas", "command", "containers", "port", "forkgreet.conf",
    "minAvailable", "policyTypes", "type"}


class Api(http.server.BaseHTTPRequestHandler):
    """Of a cluster that knows those kinds and has nothing yet."""

    def answer(self):
        """What is at the path."""
        versions = {version for version, _ in KINDS.values()}
        groups = sorted(versions - {"v1"})
        if self.path.startswith("/api?"):
            return {"kind": "APIVersions", "versions": ["v1"]}
        if self.path.startswith("/apis?"):
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": version.split("/")[0],
                 "versions": [each := {"groupVersion": version,
                                       "version": version.split("/")[1]}],
                 "preferredVersion": each} for version in groups]}
        match = re.fullmatch(r"/apis?/([^?]*)\?.*", self.path)
        if match and match[1] in versions:
            return {"kind": "APIResourceList", "apiVersion": "v1",
                    "groupVersion": match[1], "resources": [
                        {"name": many, "singularName": kind.lower(),
                         "namespaced": True, "kind": kind,
                         "verbs": ["create", "get", "patch"]}
                        for kind, (version, many) in KINDS.items()
                        if version == match[1]]}
        return None

    def do_GET(self):  # pylint: disable=invalid-name
        """The answer, or that it is not there, as kubectl wants to be told."""
        answer = self.answer()
        body = json.dumps(answer or {
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": "NotFound", "code": 404}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Nowhere."""


@unittest.skipUnless(yaml, "needs python3-yaml")
class KubernetesCase(StartCase):
    """Tests with all manifests."""

    def setUp(self):
        super().setUp()
        self.all = manifests()
        self.deployment = self.all["deployment.yaml"]["spec"]["template"]
        self.pod = self.deployment["spec"]
        self.container, = self.pod["containers"]

    def slips(self):
        """Each as the object that has it, and what it is called."""
        for name, path, value in SLIPS:
            yield path, change(self.all[name], path, value)


class Schema(KubernetesCase):
    """What the API says of its objects."""

    def modules(self):
        """A folder with what npm has of it."""
        found = [path for folder in PEERS if os.path.isdir(
            path := os.path.join(folder, "node_modules/kubernetes-models"))]
        if not found or shutil.which("node") is None:
            self.skipTest("needs kubernetes-models and typescript of npm: "
                          "sh contrib/install-deps test")
        folder = self.folder()
        os.symlink(os.path.realpath(os.path.join(found[0], "..")),
                   os.path.join(folder, "node_modules"))
        return folder

    def node(self, folder, *arguments, **more):
        """Runs node there; its subprocess.CompletedProcess."""
        return subprocess.run(
            ["node", *arguments], capture_output=True, text=True, check=False,
            cwd=folder, timeout=8 * PATIENCE, **more)

    def objects(self):
        """Those that the API gets."""
        return [thing for name, thing in self.all.items()
                if name != KUSTOMIZATION]

    def test_the_kinds(self):
        """One of each, of that version."""
        self.assertEqual(
            sorted((thing["kind"], thing["apiVersion"])
                   for thing in self.objects()),
            sorted((kind, version) for kind, (version, _) in KINDS.items()))

    def test_types(self):
        """The schemas as types take them, and no slip."""
        folder = self.modules()
        lines = [f'import type {{ I{kind} }} from "kubernetes-models/{version}"'
                 ";" for kind, (version, _) in KINDS.items()]
        number = 0
        for path, thing in [(None, each) for each in self.objects()] + \
                list(self.slips()):
            number += 1
            if path is not None:
                lines.append("// @ts-expect-error " + ".".join(map(str, path)))
            lines.append(f'export const o{number}: I{thing["kind"]} = '
                         f"{json.dumps(thing)};")
        with open(os.path.join(folder, "all.mts"), "w",
                  encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        result = self.node(
            folder, "node_modules/typescript/bin/tsc", "--noEmit", "--strict",
            "--skipLibCheck", "--module", "nodenext", "--target", "es2020",
            "all.mts")
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_validators(self):
        """The schemas as functions take them, and no slip that they know."""
        folder = self.modules()
        path = os.path.join(folder, "validate.mjs")
        with open(path, "w", encoding="utf-8") as file:
            file.write(VALIDATE % (
                "\n".join(f'import {{ {kind} }} from "kubernetes-models/'
                          f'{version}";' for kind, (version, _) in
                          KINDS.items()), ", ".join(KINDS)))
        good = self.objects()
        slips = [(steps, thing) for steps, thing in self.slips()
                 if steps[-1] not in UNSEEN]
        result = self.node(folder, path, input=json.dumps(
            good + [thing for _, thing in slips]))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        said = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(said[:len(good)], [""] * len(good))
        self.assertEqual(len(said), len(good) + len(slips))
        for (steps, _), text in zip(slips, said[len(good):]):
            with self.subTest(steps):
                self.assertIn("data/" + "/".join(map(str, steps)), text)


class Kubectl(KubernetesCase):
    """What kubectl makes of them, without a cluster."""

    def setUp(self):
        super().setUp()
        self.home = self.folder()
        self.config = os.path.join(self.home, "config")
        self.program = find("kubectl")
        self.write_config("http://127.0.0.1:1")

    def write_config(self, server):
        """Which cluster is asked."""
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config",
                       "current-context": "x", "users": [],
                       "contexts": [{"name": "x", "context": {
                           "cluster": "x", "user": ""}}],
                       "clusters": [{"name": "x", "cluster": {
                           "server": server}}]}, file)

    def kubectl(self, *arguments, **more):
        """Runs it; its subprocess.CompletedProcess."""
        return subprocess.run(
            [self.program, *arguments], capture_output=True,
            encoding="utf-8", errors="replace", check=False,
            timeout=8 * PATIENCE, cwd=TOP,
            env={"PATH": os.environ["PATH"], "HOME": self.home,
                 "KUBECONFIG": self.config}, **more)

    @contextlib.contextmanager
    def api(self):
        """An API server to ask."""
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            self.write_config(f"http://127.0.0.1:{server.server_port}")
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def test_kustomization(self):
        """All of them, as they are, with the image that it names."""
        self.assertEqual(
            sorted(self.all[KUSTOMIZATION]["resources"]),
            sorted(set(self.all) - {KUSTOMIZATION}))
        result = self.kubectl("kustomize", "contrib/kubernetes")
        self.assertEqual(result.returncode, 0, result.stderr)
        made = {thing["kind"]: thing
                for thing in yaml.safe_load_all(result.stdout)}
        image, = self.all[KUSTOMIZATION]["images"]
        self.assertEqual(image["name"], self.container["image"])
        self.container["image"] = f"{image['newName']}:{image['newTag']}"
        self.assertEqual(made, {
            thing["kind"]: thing for name, thing in self.all.items()
            if name != KUSTOMIZATION})

    def test_dry_run(self):
        """README's command, for an API that knows the kinds."""
        command = "kubectl apply -k contrib/kubernetes"
        self.assertIn(f"    {command}\n", read("README.md"))
        with self.api():
            result = self.kubectl(*command.split()[1:], "--dry-run=client",
                                  "--validate=false")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(
            sorted(result.stdout.splitlines()),
            sorted(f"{kind.lower()}{'.' * ('/' in version)}"
                   f"{version.rpartition('/')[0]}/forkgreet created (dry run)"
                   for kind, (version, _) in KINDS.items()))

    def test_dry_run_of_another_kind(self):
        """The same, which that API does not know."""
        path = os.path.join(self.home, "other.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(dict(self.all["service.yaml"], kind="Servise"), file)
        with self.api():
            result = self.kubectl("apply", "-f", path, "--dry-run=client",
                                  "--validate=false")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('no matches for kind "Servise"', result.stderr)

    def round_trip(self, thing):
        """The Deployment, as kubectl's own types give it back."""
        result = self.kubectl("set", "image", "--local", "-f", "-", "-o",
                              "json", "forkgreet=another",
                              input=json.dumps(thing))
        if result.returncode != 0:
            return result.stderr
        back = json.loads(result.stdout)
        back["metadata"].pop("creationTimestamp", None)
        back["spec"]["template"]["metadata"].pop("creationTimestamp", None)
        back.pop("status", None)
        return change(back, (*CONTAINER, "image"), self.container["image"])

    def test_types(self):
        """They lose nothing of the Deployment, and something of a slip."""
        whole = self.all["deployment.yaml"]
        self.assertEqual(self.round_trip(whole), whole)
        for path, thing in self.slips():
            # Which words a string may be, only a server knows.
            if thing["kind"] == "Deployment" and path[-1] != "type":
                with self.subTest(path):
                    self.assertNotEqual(self.round_trip(thing), thing)


class Configuration(KubernetesCase):
    """The ConfigMap's."""

    def mounted(self, name):
        """A folder as a volume with it is, and the name of the file there."""
        folder = self.folder()
        data = os.path.join(folder, "..2026_11_26_13_00_00.1")
        os.mkdir(data, 0o755)
        os.symlink(os.path.basename(data), os.path.join(folder, "..data"))
        for key, text in self.all["configmap.yaml"]["data"].items():
            with open(os.path.join(data, key), "w", encoding="utf-8") as file:
                file.write(text.replace("/etc/forkgreet/", folder + "/"))
            os.symlink("..data/" + key, os.path.join(folder, key))
        return os.path.join(folder, name)

    def test_taken(self):
        """Without a word, also as it is in the image."""
        image = os.path.join(TOP, "contrib/container/forkgreet.conf")
        for path in self.mounted("forkgreet.conf"), self.file(read(image)):
            result = self.run_with(path, "-t", as_user=True)
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (0, "", ""))

    def test_slip(self):
        """One is seen through the links."""
        self.all["configmap.yaml"]["data"]["forkgreet.conf"] += "limit = {};\n"
        result = self.run_with(self.mounted("forkgreet.conf"), "-t",
                               as_user=True)
        self.assertEqual(result.returncode, 78)
        self.assertIn("limit", result.stderr)

    def dump(self):
        """-T's output."""
        result = self.run_with(self.mounted("forkgreet.conf"), "-T",
                               as_user=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_ports_and_times(self):
        """What the daemon will do, and what the pod has been told."""
        text = self.dump()
        ports = {port["name"]: port["containerPort"]
                 for port in self.container["ports"]}
        self.assertEqual(
            sorted({int(port) for port in re.findall(r"port = (\d+);", text)}),
            sorted(ports.values()))
        self.assertRegex(text, rf'(?s)port = {ports["ready"]};.*format = "http"')
        grace = self.pod["terminationGracePeriodSeconds"]
        command = self.container["lifecycle"]["preStop"]["exec"]["command"]
        wait = int(command[command.index("--wait") + 1])
        shutdown = float(re.search(r"shutdown = ([\d.]+);", text)[1])
        self.assertLess(wait + shutdown, grace)
        # Until the probe has seen it, and the nodes have heard.
        probe = self.container["readinessProbe"]
        self.assertGreater(
            int(command[command.index("--at-least") + 1]),
            probe["periodSeconds"] * probe["failureThreshold"])

    def test_the_command_is_one(self):
        """preStop's: it finds no daemon, but no fault in what it is told."""
        command = self.container["lifecycle"]["preStop"]["exec"]["command"]
        result = run(*command[1:], "-s", "/nonexistent", program=CTL)
        self.assertEqual(result.returncode, 69, result.stderr)


class Agreement(KubernetesCase):
    """The manifests with each other, and with the image."""

    def setUp(self):
        super().setUp()
        text = re.sub(r"\\\n\s*", "", re.sub(
            r"(?m)^#.*\n", "", read("contrib/container/Containerfile")))
        # Of the stage that is the image.
        self.image = dict(line.split(" ", 1) for line in
                          text.split("\nFROM scratch\n")[1].splitlines())

    def test_ports(self):
        """Those that the image says, by the names that others use."""
        ports = {port["name"]: port["containerPort"]
                 for port in self.container["ports"]}
        self.assertEqual(sorted(map(int, self.image["EXPOSE"].split())),
                         sorted(ports.values()))
        service, = self.all["service.yaml"]["spec"]["ports"]
        self.assertEqual(ports[service["targetPort"]], service["port"])
        self.assertEqual(self.container["readinessProbe"]["httpGet"]["port"],
                         "ready")
        self.assertEqual(self.container["livenessProbe"]["tcpSocket"]["port"],
                         service["targetPort"])
        policy = self.all["networkpolicy.yaml"]["spec"]
        self.assertEqual([port["port"] for rule in policy["ingress"]
                          for port in rule["ports"]], [service["targetPort"]])
        check = json.loads(self.image["HEALTHCHECK"].split("CMD ")[1])
        self.assertEqual(check[-1], str(service["port"]))

    def test_user(self):
        """The image's, by number: a name would not do for runAsNonRoot."""
        context = self.pod["securityContext"]
        self.assertEqual(self.image["USER"], "{}:{}".format(
            context["runAsUser"], context["runAsGroup"]))
        self.assertIn(f"id={context['runAsUser']}\n",
                      read("contrib/container/collect"))

    def test_paths(self):
        """Where the configuration is mounted the image looks for it, and what
        it names is there."""
        mounts = {mount["name"]: mount["mountPath"]
                  for mount in self.container["volumeMounts"]}
        self.assertEqual(set(mounts),
                         {volume["name"] for volume in self.pod["volumes"]})
        started = json.loads(self.image["CMD"])
        keys = self.all["configmap.yaml"]["data"]
        self.assertEqual(started, [
            "-f", "-c", mounts["config"] + "/forkgreet.conf"])
        for path in re.findall(r'_file = "([^"]*)"', keys["forkgreet.conf"]):
            self.assertEqual(os.path.dirname(path), mounts["config"])
            self.assertIn(os.path.basename(path), keys)
        control, = re.findall(r'control_socket = "([^"]*)"',
                              keys["forkgreet.conf"])
        self.assertEqual(os.path.dirname(os.path.dirname(control)),
                         mounts["run"])
        programs = " ".join(read("contrib/container/collect").split())
        for path in (json.loads(self.image["ENTRYPOINT"])[0], json.loads(
                self.image["HEALTHCHECK"].split("CMD ")[1])[0],
                self.container["lifecycle"]["preStop"]["exec"]["command"][0]):
            self.assertRegex(programs, rf"[ \"]{path[1:]}[ \"]")

    def test_names(self):
        """Whoever selects pods selects these."""
        labels = self.deployment["metadata"]["labels"]
        spread, = self.pod["topologySpreadConstraints"]
        for selector in (
                self.all["deployment.yaml"]["spec"]["selector"]["matchLabels"],
                self.all["service.yaml"]["spec"]["selector"],
                self.all["poddisruptionbudget.yaml"]["spec"]["selector"][
                    "matchLabels"],
                self.all["networkpolicy.yaml"]["spec"]["podSelector"][
                    "matchLabels"], spread["labelSelector"]["matchLabels"]):
            self.assertEqual(selector, labels)
        for name, thing in self.all.items():
            if name != KUSTOMIZATION:
                self.assertEqual(thing["metadata"],
                                 {"name": "forkgreet", "labels": labels})
        self.assertEqual([volume["configMap"]["name"] for volume in
                          self.pod["volumes"] if "configMap" in volume],
                         ["forkgreet"])

    def test_budget(self):
        """A node can be emptied, and somebody serves meanwhile."""
        least = self.all["poddisruptionbudget.yaml"]["spec"]["minAvailable"]
        self.assertTrue(
            0 < least < self.all["deployment.yaml"]["spec"]["replicas"])

    def test_restricted(self):
        """What Kubernetes' pod security standard "restricted" wants, and that
        nothing can be written, called or read of the cluster."""
        context = self.container["securityContext"]
        self.assertEqual(context, {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]}})
        pod = self.pod["securityContext"]
        self.assertTrue(pod["runAsNonRoot"])
        self.assertGreater(pod["runAsUser"], 0)
        self.assertEqual(pod["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertFalse(self.pod["automountServiceAccountToken"])
        for word in "hostNetwork", "hostPID", "hostIPC", "hostPath":
            self.assertNotIn(word, json.dumps(self.all))
        policy = self.all["networkpolicy.yaml"]["spec"]
        self.assertEqual(policy["egress"], [])
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])


if __name__ == "__main__":
    from harness import main
    main()
