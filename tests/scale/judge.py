"""What came of a row, and whether it may be so."""

import collections

from harness import PATIENCE, wait_for
from network import BALANCER, CLIENTS


class Verdict:
    """Of what was played."""

    def __init__(self, play):
        self.play, self.row, self.crowd = play, play.row, play.crowd
        self.instances = play.stage.instances.values()
        self.sent_to = play.balancer.sent_to()
        self.numbers = play.balancer.numbers()
        for instance in self.instances:
            self._counters(instance)
        self.lines = {instance.name: instance.client_lines()
                      for instance in self.instances}
        self.outcomes = collections.Counter(
            line["outcome"] for lines in self.lines.values()
            for line in lines)

    def judge(self):
        """AssertionError; prints the figures."""
        print(self._figures(), flush=True)
        self._failures()
        for name, lines in self.lines.items():
            self._log(name, lines)
        for word in "violation", "crashed", "proxy_error":
            assert not self.outcomes[word], f"{word}: {self.outcomes}"
        if self.row.header:
            self._clients()

    def _figures(self):
        def words(numbers):
            return ", ".join(f"{key} {value}"
                             for key, value in numbers.items())
        served = {name: sum(line["outcome"] == "greeted" for line in lines)
                  for name, lines in self.lines.items()}
        return (f"{len(self.crowd.greeted)} clients greeted "
                f"({words(served)}), the slowest in {self.crowd.slowest:.2f} "
                f"s, {len(self.crowd.failures)} had an error; "
                f"log: {words(self.outcomes)}; balancer: "
                f"{words(self.numbers)}")

    @staticmethod
    def _counters(instance):
        """accepted = refused + ended + live; nobody was refused."""
        def at_rest():
            row = instance.listener()
            return row["accepted"] == (
                sum(row["refused"].values()) + sum(row["ended"].values()) +
                row["live"])
        wait_for(at_rest, PATIENCE, "accepted = its parts")
        refused = instance.listener()["refused"]
        assert not any(refused.values()), f"{instance.name}: {refused}"

    def _failures(self):
        """In http mode there is none; in tcp mode those may have one who were
        live or queued on the instance when it was killed."""
        for failure in self.crowd.failures:
            sent = self.sent_to.get((failure.address, failure.port), [])
            print(failure, sent, flush=True)
            assert not self.row.in_http, "a client has seen an error"
            assert any(failure.begin <= end and begin <= failure.end
                       for begin, end in self.play.gaps), \
                "an error while nobody was killed"
            assert "two" in sent, \
                "an error on an instance that was not killed"
        self._few(self.crowd.failures, "errors")

    def _few(self, clients, what):
        """Each kill may take all clients twice: who was live comes back, and
        is queued."""
        assert len(clients) <= 2 * len(self.play.gaps) * self.crowd.at, \
            f"{len(clients)} {what}: {clients[:9]}"

    def _log(self, name, lines):
        """With the PROXY protocol it has each client's own address, and
        nothing of the checks; without it the balancer's."""
        assert lines, f"{name} has served nobody"
        for line in lines:
            if self.row.header:
                good = (line["src"].startswith(CLIENTS) and
                        line["psrc"] == BALANCER)
            else:
                good = line["src"] == BALANCER
            assert good, f"{name}: {line}"

    def _clients(self):
        """All are in the log, but whose line was lost with the daemon that
        was killed."""
        logged = {(line["src"], int(line["sport"]))
                  for lines in self.lines.values() for line in lines}
        missing = [client for client in map(tuple, self.crowd.greeted)
                   if client not in logged]
        self._few(missing, "clients who are not in the log")
        for client in missing:
            assert "two" in self.sent_to[client], \
                f"{client} is not in the log: {self.sent_to[client]}"
