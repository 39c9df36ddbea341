/*
 * nap: preloaded into a client that sleeps for seconds where a CA is not done at once, it
 * sleeps for 50 ms instead. So two clients are compared by what they do, and not by how
 * often one of them came a moment too early.
 */
#include <time.h>
#include <unistd.h>

unsigned sleep(unsigned seconds)
{
	const struct timespec nap = { .tv_nsec = 50000000 };

	(void)seconds;
	(void)nanosleep(&nap, NULL);
	return 0;
}
