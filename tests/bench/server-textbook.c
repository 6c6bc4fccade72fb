/* The textbook fork server: a process per client, no protection. */
#include "config.h"

#include <stddef.h>

#include "serve.h"

int
main(int argc, char **argv)
{
	serve_by_fork(serve_listen(argc, argv, 0), NULL);
}
