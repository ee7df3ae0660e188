from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

import pytest

from api.memory import ARENAS

THREADS = """
import ctypes, sys, tempfile, threading
from api import memory
memory.share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(16)
def work():
    for _ in range(100):
        libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with tempfile.NamedTemporaryFile() as told:
    file = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    print(open(told.name).read())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas to limit")
@pytest.mark.parametrize(("asked", "arenas"), [(None, ARENAS), ("3", 3), ("1", 1)])
def test_threads_share_arenas_as_many_as_the_environment_says(asked: str | None, arenas: int) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    environ |= {"MALLOC_ARENA_MAX": asked} if asked else {}
    told = subprocess.run([sys.executable, "-c", THREADS], env=environ, capture_output=True, text=True, check=True)
    assert len(re.findall(r"<heap nr=", told.stdout)) == arenas
