"""The files whose checks are tried, and the tests that should see it when one
is missing: unit programs first, then programs of tests/system/, each with the
names of its classes or tests if not all are needed."""

# file below src/: (of tests/unit/, of tests/system/)
FILES = {
    "master/clients/accept.c": (
        ["clients/test_accept", "clients/test_gate", "clients/test_refuse",
         "clients/test_declare"],
        ["test_unix", "test_clients", "test_admission"]),
    "master/clients/admit.c": (
        ["clients/test_admit", "clients/test_admit_model",
         "clients/test_gate", "clients/test_declare"],
        ["test_admission", "test_explain"]),
    "master/clients/clients.c": (
        ["clients/test_clients", "clients/test_evict", "clients/test_close",
         "clients/test_carry"],
        ["test_clients"]),
    "master/clients/declare.c": (
        ["clients/test_declare"],
        ["test_proxy", "test_hostile_proxy"]),
    "master/clients/gate.c": (
        ["clients/test_gate", "clients/test_accept", "clients/test_declare"],
        ["test_admission", "test_proxy"]),
    "master/clients/hand_over.c": (
        ["clients/test_hand_over", "clients/test_declare",
         "clients/test_accept", "top/test_loop"],
        ["test_clients", "test_faults", "test_proxy"]),
    "master/clients/proxy.c": (
        ["clients/test_declare", "clients/test_hand_over",
         "clients/test_close", "clients/test_accept"],
        ["test_proxy", "test_hostile_proxy", "test_faults"]),
    "master/generations/filter.c": (
        ["generations/test_filter", "generations/test_sandbox"],
        ["test_hardening", "test_start_faults", "test_start"]),
    "master/state_file.c": (
        ["top/test_state_lock", "top/test_state_file", "top/test_states"],
        ["test_states", "test_start_faults"]),
    "master/state_words.c": (
        ["top/test_state_words", "top/test_state_file", "top/test_states"],
        ["test_states"]),
    "master/states.c": (
        ["top/test_states", "top/test_state_file", "control/test_control"],
        ["test_states", "test_control"]),
    "master/states_begin.c": (
        ["top/test_states_begin", "top/test_states"],
        ["test_states", "test_start"]),
    "master/system/privileges.c": (
        ["system/test_privileges"],
        ["test_verification", "test_start", "test_inherited",
         "test_upgrade", "test_hardening"]),
    "master/upgrade.c": (
        ["top/test_upgrade", "top/test_loop"],
        ["test_upgrade", "test_upgrade_init"]),
    "master/upgrade_verdict.c": (
        ["top/test_upgrade_verdict"],
        ["test_upgrade"]),
    "shared/state.c": (
        ["shared/test_state", "top/test_state_words"],
        []),
    "spawner/image/line.c": (
        ["spawner/test_line", "spawner/test_proxy"],
        ["test_proxy"]),
    "spawner/image/proxied.c": (
        ["generations/test_proxied"],
        ["test_proxy", "test_hostile_proxy"]),
    "spawner/image/proxy.c": (
        ["spawner/test_proxy", "spawner/test_line",
         "generations/test_proxied"],
        ["test_proxy"]),
}
