/* orphans N: leaves N processes behind, which wait for a signal, and ends when they
 * have no parent but the first process.  Static: its image has no library. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	int left = argc > 1 ? atoi(argv[1]) : 1;

	while (left-- > 0)
		switch (fork()) {
		case -1:
			perror("orphans: fork");
			return 71;
		case 0:
			for (;;)
				pause();
		}
	return 0;
}
