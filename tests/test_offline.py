import os
import socket
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from conftest import OFFLINE

from tools import execute

# Reserved for documentation (RFC 5737, RFC 3849, RFC 2606): nothing would answer, were a packet to leave.
ADDRESS, ADDRESS_6, NAME = "192.0.2.1", "2001:db8::1", "example.org"
REFUSED = "the course's tests run without network"


def connect_ex(address):
    with socket.socket() as connection:
        return connection.connect_ex((address, 80))


def connect_6(address):
    with socket.socket(socket.AF_INET6) as connection:
        connection.connect((address, 80, 0, 0))


def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", (address, 53))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.create_connection((ADDRESS, 80), timeout=1),
        lambda: socket.create_connection((NAME, 80), timeout=1),
        lambda: connect_ex(ADDRESS),
        lambda: connect_6(ADDRESS_6),
        lambda: send(ADDRESS),
        lambda: socket.getaddrinfo(NAME, 443),
        lambda: socket.getaddrinfo(NAME.encode(), 443),
        lambda: socket.gethostbyname(NAME),
        lambda: urllib.request.urlopen(f"http://{ADDRESS}/", timeout=1),
    ],
    ids=[
        "connect",
        "connect-name",
        "connect_ex",
        "ipv6",
        "udp",
        "lookup",
        "lookup-bytes",
        "gethostbyname",
        "urllib",
    ],
)
def test_the_test_process_is_refused(ask):
    with pytest.raises(OSError, match=REFUSED):
        ask()


def test_loopback_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost", socket.gethostname()):
            assert socket.getaddrinfo("127.0.0.1" if host == "localhost" else host, port)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as client,
            server.accept()[0] as accepted,
        ):
            client.sendall(b"here")
            assert accepted.recv(4) == b"here"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no AF_UNIX")
def test_unix_sockets_stay_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")
        with server.accept()[0] as accepted:
            client.sendall(b"here")
            assert accepted.recv(4) == b"here"


ASK = f"""\
import socket
try:
    socket.create_connection(("{ADDRESS}", 80), timeout=1)
except OSError as error:
    print(error)"""


def test_a_new_process_is_refused():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(REFUSED)


def test_a_kernel_is_refused(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASK)])
    execute.run(notebook, tmp_path)
    assert notebook.cells[0].outputs[0].text.startswith(REFUSED)


def test_the_systems_own_sitecustomize_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("ran = True\nimport builtins\nbuiltins.the_next_ran = ran\n")
    search = os.pathsep.join([str(OFFLINE), str(tmp_path)])
    command = [sys.executable, "-c", f"print(the_next_ran)\n{ASK}"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(f"True\n{REFUSED}")
