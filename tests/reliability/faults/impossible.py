"""Cells that stand for nothing that can be, and why."""

import re

ATTEMPT = "an attempt, which the filter must end there"
# Matched with "ROLE SHAPE ERROR PATTERN" from its start.
ROWS = (
    (r"(child|proof) (clone|fork|execve|mmap|openat|socket|ptrace|kill|"
     r"socketpair|connect|bind|mprotect|prlimit64|setresuid|dup2?|recvmsg|"
     r"sendmsg|prctl|rt_sig\w+|mremap|madvise)\(", ATTEMPT),
    (r"spawner (openat|kill)\(", ATTEMPT),
    (r"spawner connect\(", "an attempt, which Landlock must end; what the kernel "
     "is out of, socket(2) says"),
    (r"master (execve\(0|socket\(16)", ATTEMPT),
    (r"\w+ fcntl\(.*,[1234]\) ", "F_GETFD, F_SETFD, F_GETFL, F_SETFL have no "
     "error"),
    (r"\w+ fcntl\(.*,1034\) ENOMEM", "F_GET_SEALS needs no memory"),
    (r"\w+ getsockopt\([^)]*,1,17\)", "SO_PEERCRED has no error"),
    (r"(feed|client|control) read\((pipe|socket|anon_inode).* EIO",
     "no disk is behind it"),
    (r"\w+ seccomp\(2,", "libseccomp asks what the kernel has"),
)


def why_not(cell):
    """Why it is none, or ""."""
    text = f"{cell.role} {cell.shape} {cell.error} {cell.pattern}"
    return next((reason for pattern, reason in ROWS
                 if re.match(pattern, text)), "")
