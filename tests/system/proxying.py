"""Headers of the PROXY protocol, as proxies send them."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, UDP4, TCP6, UDP6, UNIX = 0x11, 0x12, 0x21, 0x22, 0x31
CRC32C, NOOP = 3, 4

CLIENT, SERVER = ("192.0.2.7", 5000), ("203.0.113.9", 443)
CLIENT6, SERVER6 = ("2001:db8::7", 5000), ("2001:db8::9", 443)


def v1(client=CLIENT, server=SERVER):
    """A header of version 1."""
    kind = "TCP6" if ":" in client[0] else "TCP4"
    return (f"PROXY {kind} {client[0]} {server[0]} {client[1]} {server[1]}"
            "\r\n").encode()


def addresses(client=CLIENT, server=SERVER):
    """They as version 2 has them."""
    return (ipaddress.ip_address(client[0]).packed +
            ipaddress.ip_address(server[0]).packed +
            struct.pack("!HH", client[1], server[1]))


def tlv(kind, value=b""):
    """One of version 2."""
    return struct.pack("!BH", kind, len(value)) + value


def raw(command, family, rest=b""):
    """A header of version 2 with that after its length."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def v2(client=CLIENT, server=SERVER, tlvs=b""):
    """A header of version 2."""
    return raw(PROXY, TCP6 if ":" in client[0] else TCP4,
               addresses(client, server) + tlvs)


def crc32c(data):
    """RFC 9260, appendix A."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def summed(tlvs=b"", wrong=0, **more):
    """A header of version 2 with its checksum, which is wrong by that."""
    head = v2(tlvs=tlvs + tlv(CRC32C, bytes(4)), **more)
    return head[:-4] + struct.pack("!I", crc32c(head) ^ wrong)
