"""Refuse connections to the outside: in this process, and in every Python with this folder on PYTHONPATH.

An audit hook sees all connections and look-ups that go through Python's socket module, whatever library
asks for them; it cannot be removed again. Loopback and AF_UNIX stay open: notebooks talk to their kernels
that way.
"""

import importlib.machinery
import importlib.util
import ipaddress
import os
import socket
import sys

MESSAGE = "the course's tests run without network"


def _is_outside(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not host or host == "localhost" or host.endswith(".localhost") or host == socket.gethostname():
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True  # a name that would have to be looked up
    return not (address.is_loopback or address.is_unspecified)


def _refuse_outside(event, arguments):
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        connection, address = arguments
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or not address:
            return
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    if _is_outside(host):
        raise OSError(f"{MESSAGE}: {host} was asked for ({event})")


def _run_the_next():
    """Run the sitecustomize that this one stands in front of, if the system has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.addaudithook(_refuse_outside)
if __name__ == "sitecustomize":
    _run_the_next()
