/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stops godwitd exactly where one of its sessions enters a state: preloaded into it, it looks at
 * the debug log's lines, which name the new state before any action of that step is carried out.
 * GODWIT_HOLD names a file of 64 bytes: who writes a state's name into it gets a stopped process
 * (SIGSTOP) when that state is next entered, once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64

int dprintf(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static char *wanted;

__attribute__((constructor)) static void open_file(void)
{
	const char *path = getenv("GODWIT_HOLD");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	wanted = mmap(NULL, NAME_MAX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (wanted == MAP_FAILED)
		wanted = NULL;
	close(fd);
}

/* "... debug: session ID (vm): STATE" */
static int names_wanted(const char *line)
{
	const char *session = strstr(line, "debug: session ");
	const char *end = session != NULL ? strstr(session, "): ") : NULL;
	char name[NAME_MAX_BYTES];

	if (end == NULL || wanted[0] == '\0')
		return 0;
	memcpy(name, wanted, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	return strcmp(end + 3, name) == 0;
}

int dprintf(int fd, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	n = strlen(line);
	if (write(fd, line, n) != (ssize_t)n)
		return -1;
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	if (wanted != NULL && names_wanted(line)) {
		wanted[0] = '\0';
		raise(SIGSTOP);
	}
	return (int)n;
}
