/* SPDX-License-Identifier: BSD-3-Clause */
/* gnuplot as a child. Script and picture are kept in memory files: nothing is left behind, and no
 * pipe can block. */
#include "gnuplot.h"
#include "text.h"

#include "../../dataplane/base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

FILE *gnuplot_script(void)
{
	int fd = memfd_create("gnuplot", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");

	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

/* gnuplot's exit status, or -errno where it could not be started. */
static int gnuplot(FILE *script, FILE *picture, FILE *messages)
{
	/* -d: not the user's own start-up file. */
	char *argv[] = {(char[]){"gnuplot"}, (char[]){"-d"}, (char[]){"-"}, NULL};
	posix_spawn_file_actions_t actions;
	int rc, status = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(picture), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(messages), STDERR_FILENO);
	rc = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The first line with anything in it. */
static void first_message(FILE *messages, char *error, size_t size)
{
	char line[256];

	rewind(messages);
	while (fgets(line, sizeof(line), messages) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		gw_text_clean(line);
		if (line[strspn(line, " ?^")] != '\0') {
			snprintf(error, size, "gnuplot: %s", line);
			return;
		}
	}
	snprintf(error, size, "gnuplot failed without saying why");
}

static int copy(FILE *picture, const char *path, char *error, size_t size)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	char buf[65536];
	size_t n;
	int rc;

	if (out == NULL) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return -1;
	}
	rewind(picture);
	while ((n = fread(buf, 1, sizeof(buf), picture)) > 0)
		fwrite(buf, 1, n, out);
	rc = ferror(out) || fflush(out) != 0 ? -1 : 0;
	if (rc < 0)
		snprintf(error, size, "%s: %s", path, strerror(errno));
	if (out != stdout && fclose(out) != 0 && rc == 0) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		rc = -1;
	}
	return rc;
}

int gnuplot_draw(FILE *script, const char *path, char *error, size_t size)
{
	FILE *picture = gnuplot_script(), *messages = gnuplot_script();
	int rc = -1, status;

	if (picture == NULL || messages == NULL) {
		snprintf(error, size, "no memory for the picture");
		goto close_files;
	}
	rewind(script);
	status = gnuplot(script, picture, messages);
	if (status == -ENOENT)
		snprintf(error, size, "gnuplot is not installed (Debian package gnuplot-nox)");
	else if (status < 0)
		snprintf(error, size, "cannot start gnuplot: %s", strerror(-status));
	else if (status > 0)
		first_message(messages, error, size);
	else
		rc = copy(picture, path, error, size);
close_files:
	fclose(script);
	if (picture != NULL)
		fclose(picture);
	if (messages != NULL)
		fclose(messages);
	return rc;
}
