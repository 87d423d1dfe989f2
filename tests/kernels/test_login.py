"""A key that is typed unseen works, and is seen nowhere."""

from __future__ import annotations

import pytest

from kernels.conftest import NewKernel
from support.fake_server import KEY, FakeServer


@pytest.mark.every_kernel
def test_a_typed_key_is_used_and_never_shown(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    # A keyring that keeps nothing, as on a machine without one.
    kernel = new_kernel(key=None, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    kernel.run("%load_ext happyhorse_nb")
    login = kernel.start("%happyhorse login")
    asked = kernel.answer(KEY)
    assert asked["password"]
    assert login.wait().printed == ("The key is kept in this kernel. It is gone when the kernel ends.\n")
    doctor = kernel.run("%happyhorse doctor")
    assert "from this kernel" in doctor.printed
    assert "the key is good" in doctor.printed
    assert {request.key for request in fake_server.requests} == {KEY}
    # The fixture looks for the key in all that was said and left behind.


def test_nothing_typed_is_no_key(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    kernel = new_kernel(key=None)
    kernel.run("%load_ext happyhorse_nb")
    login = kernel.start("%happyhorse login")
    kernel.answer("")
    [line] = login.wait().error
    assert "no key was typed" in line
