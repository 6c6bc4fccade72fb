/* Carrying listening sockets over an exec. */
#include "config.h"

#include "master/listeners/carry_listeners.h"

#include <stddef.h>
#include <stdlib.h>

#include "master/listeners/activation.h"
#include "master/listeners/listener.h"
#include "master/system/pack.h"

static const struct pack_field listener_fields[] = {
	PACK_FIELD(listener, fd),
	PACK_FIELD(listener, addr),
	PACK_FIELD(listener, bound),
	PACK_FIELD(listener, path),
	PACK_FIELD(listener, bound_path),
	PACK_FIELD(listener, device),
	PACK_FIELD(listener, inode),
	PACK_FIELD(listener, access.mode),
	PACK_FIELD(listener, access.uid),
	PACK_FIELD(listener, access.gid),
	PACK_FIELD(listener, v6only),
	PACK_FIELD(listener, listening),
	PACK_FIELD(listener, backlog),
	PACK_FIELD(listener, row),
};
static const struct pack_table listener_table =
    PACK_TABLE("listeners", listener_fields);

/* Sockets of the service manager's. */
static const struct pack_field passed_fields[] = {
	PACK_FIELD(passed, fd),
	PACK_FIELD(passed, name),
	PACK_FIELD(passed, addr),
	PACK_FIELD(passed, path),
	PACK_FIELD(passed, v6only),
};
static const struct pack_table passed_table =
    PACK_TABLE("passed", passed_fields);

static void
pack_passed(struct pack *pack)
{
	size_t i, n;
	const struct passed *passed = activation_list(&n);

	pack_table(pack, &passed_table);
	for (i = 0; i < n; i++) {
		pack_row(pack, &passed_table, &passed[i]);
		pack_fd(pack, passed[i].fd);
	}
}

void
carry_pack_listeners(struct pack *pack, const struct listeners *listeners)
{
	size_t i;

	pack_passed(pack);
	pack_table(pack, &listener_table);
	for (i = 0; i < listeners->n; i++) {
		pack_row(pack, &listener_table, &listeners->list[i]);
		pack_fd(pack, listeners->list[i].fd);
	}
}

/* Those that were passed to us once are whose they were. */
static int
unpack_passed(const struct unpack *unpack)
{
	size_t i, n = unpack_count(unpack, &passed_table);
	struct passed *list = calloc(n + 1, sizeof(*list));

	if (list == NULL)
		return -1;
	for (i = 0; i < n; i++)
		unpack_row(unpack, &passed_table, i, &list[i]);
	activation_keep(list, n);
	return 0;
}

int
carry_unpack_listeners(
    const struct unpack *unpack, struct listeners *listeners)
{
	size_t i, n = unpack_count(unpack, &listener_table);
	struct listener *list = calloc(n + 1, sizeof(*list));

	if (list == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		list[i].fd = -1;
		list[i].name = "";
		unpack_row(unpack, &listener_table, i, &list[i]);
	}
	*listeners = (struct listeners) { list, n };
	return unpack_passed(unpack);
}
