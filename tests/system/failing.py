"""What system calls can fail with, and how that is said."""

ERRORS = {"EMFILE": "Too many open files",
          "ENFILE": "Too many open files in system",
          "ENOMEM": "(Cannot allocate|[Oo]ut of) memory",
          "ENOBUFS": "No buffer space available",
          "EAGAIN": "Resource temporarily unavailable",
          "ENOSPC": "No space left on device",
          "EIO": "Input/output error"}
DESCRIPTOR = ("EMFILE", "ENFILE", "ENOMEM")
# What each call can be out of.  Not brk: the kernel never fails it (it says
# where the break is), so that an injected error is taken for an address.  Nor
# read: how often the loops read is not the same twice; test_b17_files has those.
CALLS = {
    "openat": (*DESCRIPTOR, "EIO"), "pipe2": DESCRIPTOR,
    "memfd_create": DESCRIPTOR, "epoll_create1": DESCRIPTOR,
    "signalfd4": DESCRIPTOR, "timerfd_create": DESCRIPTOR,
    "pidfd_open": DESCRIPTOR, "landlock_create_ruleset": DESCRIPTOR,
    "landlock_restrict_self": ("ENOMEM",),
    "socket": (*DESCRIPTOR, "ENOBUFS"), "socketpair": DESCRIPTOR,
    "bind": ("ENOMEM", "ENOBUFS"), "listen": ("ENOMEM", "ENOBUFS"),
    "setsockopt": ("ENOMEM", "ENOBUFS"), "sendmsg": ("ENOMEM", "ENOBUFS"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "fork": ("EAGAIN", "ENOMEM"), "clone": ("EAGAIN", "ENOMEM"),
    "execveat": ("ENOMEM", "EMFILE", "EIO"), "mmap": ("ENOMEM", "ENFILE"),
    "mprotect": ("ENOMEM",), "madvise": ("ENOMEM",), "seccomp": ("ENOMEM",),
    "setresuid": ("EAGAIN", "ENOMEM"), "fstat": ("EIO", "ENOMEM"),
    "newfstatat": ("EIO", "ENOMEM"),
    "ftruncate": ("EIO", "ENOSPC"), "pwrite64": ("EIO", "ENOSPC"),
    "fcntl": ("ENOMEM",), "chdir": ("EIO", "ENOMEM"), "setgroups": ("ENOMEM",),
}

# What else there is, which most programs only make again.
MORE_CALLS = {
    "accept4": (*DESCRIPTOR, "ENOBUFS", "ECONNABORTED", "EINTR"),
    "accept": (*DESCRIPTOR, "ENOBUFS", "ECONNABORTED", "EINTR"),
    "read": ("EIO", "EINTR"), "pread64": ("EIO",), "readlink": ("EIO", "ENOMEM"),
    "open": (*DESCRIPTOR, "EIO"), "readlinkat": ("EIO", "ENOMEM"),
    "getdents64": ("EIO",), "write": ("EIO", "ENOSPC", "EINTR"),
    "writev": ("EIO", "ENOSPC", "EINTR"), "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"), "close": ("EIO", "EINTR"),
    "rename": ("EIO", "ENOSPC"), "renameat": ("EIO", "ENOSPC"),
    "renameat2": ("EIO", "ENOSPC"), "unlink": ("EIO", "ENOMEM"),
    "unlinkat": ("EIO", "ENOMEM"), "mkdir": ("EIO", "ENOSPC"),
    "mkdirat": ("EIO", "ENOSPC"), "fchmod": ("EIO",), "fchown": ("EIO",),
    "fchmodat": ("EIO",), "fchownat": ("EIO",), "chmod": ("EIO",),
    "statx": ("EIO", "ENOMEM"), "stat": ("EIO", "ENOMEM"), "access": ("EIO",),
    "faccessat2": ("EIO",), "statfs": ("EIO",), "fstatfs": ("EIO",),
    "recvfrom": ("ECONNRESET", "ENOMEM", "EINTR"),
    "recvmsg": ("ENOMEM", "EINTR"),
    "sendto": ("ENOBUFS", "ENOMEM", "EPIPE", "EINTR"),
    "connect": ("EAGAIN", "ECONNREFUSED", "ETIMEDOUT", "EINTR"),
    "getsockopt": ("ENOBUFS",), "getsockname": ("ENOBUFS",),
    "getpeername": ("ENOBUFS",), "shutdown": ("ENOTCONN",),
    "epoll_wait": ("EINTR",), "epoll_pwait": ("EINTR",),
    "poll": ("ENOMEM", "EINTR"), "ppoll": ("ENOMEM", "EINTR"),
    "wait4": ("EINTR",), "waitid": ("EINTR",), "kill": ("EPERM",),
    "dup": ("EMFILE",), "dup2": ("EBUSY", "EINTR"), "dup3": ("EBUSY", "EINTR"),
    "clone3": ("EAGAIN", "ENOMEM"), "vfork": ("EAGAIN", "ENOMEM"),
    "execve": ("ENOMEM", "EMFILE", "EIO"), "getrandom": ("EINTR",),
    "mremap": ("ENOMEM",), "setpgid": ("EPERM",), "setsid": ("EPERM",),
    "setresgid": ("EAGAIN",), "flock": ("ENOLCK", "EINTR"),
    "inotify_init1": DESCRIPTOR, "inotify_add_watch": ("ENOMEM", "ENOSPC"),
    "timerfd_settime": ("ECANCELED",), "clock_nanosleep": ("EINTR",),
    "prlimit64": ("EPERM",), "ioctl": ("EIO",), "chown": ("EIO",),
    "landlock_add_rule": ("ENOMEM",), "eventfd2": DESCRIPTOR,
    "setitimer": ("EINVAL",), "capset": ("EPERM",), "prctl": ("EINVAL",),
    "sched_getaffinity": ("ESRCH",), "sysinfo": ("EFAULT",),
    "uname": ("EFAULT",), "rt_sigaction": ("EINVAL",),
    "rt_sigprocmask": ("EINVAL",), "close_range": ("ENOMEM",),
    "capget": ("EPERM",), "getgroups": ("EINVAL",),
    "rt_sigtimedwait": ("EINTR", "EAGAIN"), "getcwd": ("ENOMEM",),
}

# What the kernel never fails when it is called as we do, or what cannot be asked
# about its error.
_NO_ERROR = "the kernel has no error for it"
NEVER = {
    **{name: _NO_ERROR for name in (
        "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid",
        "getegid", "getpgrp", "getpgid", "getsid", "umask", "getresuid",
        "getresgid", "sched_yield", "set_tid_address", "set_robust_list",
        "rseq", "arch_prctl", "exit", "exit_group", "rt_sigreturn",
        "restart_syscall", "alarm", "pause", "time", "getitimer",
        "clock_gettime", "clock_getres", "rt_sigpending", "gettimeofday",
        "lseek")},
    "brk": "it says where the break is; an error would be an address",
    "munmap": "of what was mapped whole: no error",
    "futex": "its errors are answers to the C library",
    "ptrace": "an attempt that must be refused",
    "getpriority": _NO_ERROR, "sched_getscheduler": _NO_ERROR,
    "personality": _NO_ERROR, "keyctl": "an attempt that must be refused",
    "unshare": "an attempt that must be refused",
}
