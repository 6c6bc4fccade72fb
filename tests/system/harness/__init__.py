"""What all system tests share: the daemon under test, clients, TAP output.

A test program is a unittest module that ends with

    if __name__ == "__main__":
        from harness import main
        main()

The programs under test are found in $BUILDDIR (default: the current folder).
Nothing started here outlives its test: Case.addCleanup() ends it, and a daemon
that is still there dies with the test by PR_SET_PDEATHSIG.

Each topic is a module of its own; tests import all names from here.
"""

from .case import (Case, ControlCase, StartCase, identity, if_also_user,
                   needs_program, needs_root, not_under_valgrind)
from .clients import (Load, close_with_reset, connect, free_port, greet,
                      is_held, read_all, read_to_end)
from .control_group import FreezerGroup, MemoryGroup, PidsGroup
from .daemon import (TIME, Background, Daemon, instances, parse_line,
                     untimed)
from .kernel import (KernelSocket, children, cpu_seconds, descriptors, exists,
                     group_members, kernel_sockets, limit, limits,
                     proc_status)
from .meanwhile import Meanwhile
from .namespace import apart, listens, make_network, why_no_network
from .process import (BUILDDIR, CLIENT, CTL, DAEMON, HOST, IS_ROOT, PATIENCE,
                      PROGRAMS, SPAWNER_NAME, UNDER, USER, adopt_orphans,
                      become_user, die_with_parent, run, together, wait_count,
                      wait_for)
from .strace import Strace, strace_works
from .summary import Summary
from .tap import TapResult, main
