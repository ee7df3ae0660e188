"""The guard of conftest.py itself."""

from __future__ import annotations

import socket

import pytest


def test_a_test_that_reaches_for_the_network_fails() -> None:
    with pytest.raises(RuntimeError, match="a test reached for the network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match="a test reached for the network"):
        socket.getaddrinfo("example.org", 80)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
