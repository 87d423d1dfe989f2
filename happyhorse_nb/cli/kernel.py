"""The kernel of the environment this runs in, whatever kernels the user has."""

from __future__ import annotations

import sys

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager


def own_kernel() -> KernelSpecManager:
    """What a kernel manager asks for a kernel, and gets that of this interpreter for.

    Without its warnings: that a connection on this machine is not encrypted is nothing that a newcomer can judge.
    """
    command = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]

    class Own(KernelSpecManager):
        def get_kernel_spec(self, _: str) -> KernelSpec:
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return Own()
