"""The network of a row: README's addresses."""

from harness import make_network

BALANCER = "192.0.2.1"
INSTANCES = {"one": "192.0.2.11", "two": "192.0.2.12",
             "three": "192.0.2.13"}
CLIENTS = "198.51.100."  # all of the network
CLIENTS_NETWORK = CLIENTS + "0/24"


def make():
    """In the namespace: everybody's addresses."""
    make_network((BALANCER, *INSTANCES.values()), [CLIENTS_NETWORK])
