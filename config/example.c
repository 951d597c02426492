/* SPDX-License-Identifier: BSD-3-Clause */
/* A documented example file per mode: every option of the table, set where the mode needs it and
 * commented out with its default elsewhere. */
#include "config.h"
#include "options.h"

#include <errno.h>
#include <string.h>

#define WIDTH 98

struct setting {
	const char *path, *value;
};

struct mode {
	const char *name;
	const char *intro[8];
	struct setting settings[28]; /* the list entries in order; ends with a NULL path */
};

static const struct mode modes[] = {
	{"sidecar",
		{"godwitd beside the hypervisor on each node: source or destination of each VM's "
		 "migration.",
			"Two 100G ports; pages spread over both, and either carries on alone."},
		{{"name", "host-a"}, {"control.listen", "192.0.2.1:7411"}, {"security", "on"},
			{"dataplane.workers", "[1]"}, {"dataplane.memory_mib", "1024"},
			{"ports[0].name", "left"}, {"ports[0].device", "0000:3b:00.0"},
			{"ports[0].address", "10.0.0.1/24"}, {"ports[0].mtu", "9000"},
			{"ports[1].name", "right"}, {"ports[1].device", "0000:d8:00.0"},
			{"ports[1].address", "10.0.1.1/24"}, {"ports[1].mtu", "9000"},
			{"peers[0].name", "host-b"}, {"peers[0].address", "192.0.2.2:7411"},
			{"classes[0].name", "urgent"}, {"classes[0].weight", "4"},
			{"classes[1].name", "bulk"}, {"classes[1].rate", "20G"}}},
	{"offload",
		{"godwitd on a dedicated machine between the racks and the long haul: one port "
		 "towards",
			"the sidecars, one capped port behind a router towards the other site. Not "
			"yet: "
			"relaying; until",
			"then it sends and receives guests of its own."},
		{{"name", "relay-a"}, {"control.listen", "192.0.2.10:7411"}, {"security", "on"},
			{"dataplane.workers", "[1]"}, {"dataplane.memory_mib", "4096"},
			{"dataplane.populate_threads", "4"}, {"ports[0].name", "rack"},
			{"ports[0].device", "0000:3b:00.0"}, {"ports[0].address", "10.0.0.10/24"},
			{"ports[0].mtu", "9000"}, {"ports[1].name", "haul"},
			{"ports[1].device", "0000:5e:00.0"},
			{"ports[1].address", "198.51.100.2/30"},
			{"ports[1].gateway", "198.51.100.1"}, {"ports[1].rate", "40G"},
			{"peers[0].name", "host-a"}, {"peers[0].address", "192.0.2.1:7411"},
			{"peers[1].name", "relay-b"}, {"peers[1].address", "203.0.113.10:7411"}}},
	{"bench",
		{"The data plane with synthetic pages and no VM, over shared-memory ports (memif) "
		 "on one",
			"machine: try godwit without any network card. `godwit-bench listen FILE` "
			"takes it; the",
			"other end, `godwit-bench run 127.0.0.1 --config FILE`, has role=client "
			"and its own addresses.",
			"Certificates for both: scripts/pki DIR bench-a:127.0.0.1; "
			"DIR/bench-a/* goes to /etc/godwit/pki."},
		{{"name", "bench-a"}, {"security", "on"}, {"run_dir", "/run/godwit-bench"},
			{"dataplane.workers", "[1]"}, {"ports[0].name", "left"},
			{"ports[0].device",
				"net_memif0,role=server,bsize=9600,rsize=8,"
				"socket=/run/godwit-bench/left.sock,socket-abstract=no"},
			{"ports[0].address", "10.0.0.1/24"}, {"ports[0].mtu", "9000"},
			{"ports[1].name", "right"},
			{"ports[1].device",
				"net_memif1,role=server,bsize=9600,rsize=8,"
				"socket=/run/godwit-bench/right.sock,socket-abstract=no"},
			{"ports[1].address", "10.0.1.1/24"}, {"ports[1].mtu", "9000"},
			{"peers[0].name", "bench-b"}, {"peers[0].address", "127.0.0.1:7412"}}},
};

static const char *setting(const struct mode *mode, const char *section, const char *key)
{
	char path[96];

	snprintf(path, sizeof(path), "%s%s%s", section, section[0] == '\0' ? "" : ".", key);
	for (const struct setting *s = mode->settings; s->path != NULL; s++)
		if (strcmp(s->path, path) == 0)
			return s->value;
	return NULL;
}

static bool any_setting(const struct mode *mode, const char *prefix)
{
	for (const struct setting *s = mode->settings; s->path != NULL; s++)
		if (strncmp(s->path, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

static void comment(FILE *f, const struct gw_option *o, const char *indent)
{
	char allowed[128], text[400];
	int column = 0;

	gw_option_allowed(o, allowed, sizeof(allowed));
	snprintf(text, sizeof(text), "%s Allowed: %s. %s%s.", o->help, allowed,
		o->required ? "Required" : "Default: ",
		o->required           ? ""
		: o->fallback == NULL ? "none"
				      : o->fallback);
	for (const char *p = text; *p != '\0'; p += strspn(p, " ")) {
		int n = (int)strcspn(p, " ");

		if (column == 0)
			column = fprintf(f, "%s# %.*s", indent, n, p);
		else if (column + 1 + n <= WIDTH)
			column += fprintf(f, " %.*s", n, p);
		else
			column = fprintf(f, "\n%s# %.*s", indent, n, p) - 1;
		p += n;
	}
	fputc('\n', f);
}

/* lead stands before the first set option of a list entry: "- ". */
static void options(FILE *f, const struct mode *mode, const struct gw_section *section,
	const char *path, const char *indent, bool documented)
{
	const char *lead = section->list ? "- " : indent, *value;

	for (uint32_t i = 0; i < section->n_options; i++) {
		const struct gw_option *o = &section->options[i];

		value = setting(mode, path, o->key);
		if (documented)
			comment(f, o, indent);
		if (value != NULL) {
			fprintf(f, "%s%s: %s\n", lead, o->key, value);
			lead = indent;
		} else if (documented) {
			/* A list that is commented out as a whole: its entry begins here. */
			bool begins = section->list && o->required;

			fprintf(f, "%s#%s%s: %s\n", begins ? "" : indent, begins ? "- " : "",
				o->key, o->sample != NULL ? o->sample : o->fallback);
		}
	}
}

static void list(FILE *f, const struct mode *mode, const struct gw_section *section)
{
	char path[32];

	snprintf(path, sizeof(path), "%s[0]", section->key);
	/* As a whole commented out where there is no entry. */
	fprintf(f, "%s%s:\n", any_setting(mode, path) ? "" : "#", section->key);
	for (uint32_t i = 0; i < section->max; i++) {
		snprintf(path, sizeof(path), "%s[%u]", section->key, i);
		if (i > 0 && !any_setting(mode, path))
			break;
		options(f, mode, section, path, "  ", i == 0);
	}
}

static int print(FILE *f, const struct mode *mode)
{
	fprintf(f, "# SPDX-License-Identifier: BSD-3-Clause\n");
	fprintf(f, "# godwit: example configuration, mode %s\n#\n", mode->name);
	for (const char *const *line = mode->intro; *line != NULL; line++)
		fprintf(f, "# %s\n", *line);
	fprintf(f, "#\n# A line such as '#key: value' shows the default, or an example where there "
		   "is none.\n");
	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS; i++) {
		const struct gw_section *s = &gw_sections[i];

		fprintf(f, "\n# %s.\n", s->help);
		if (s->list) {
			list(f, mode, s);
			continue;
		}
		/* A section must not be empty: one without any setting is commented out itself. */
		if (s->key[0] != '\0')
			fprintf(f, "%s%s:\n", any_setting(mode, s->key) ? "" : "#", s->key);
		options(f, mode, s, s->key, s->key[0] == '\0' ? "" : "  ", true);
	}
	return ferror(f) ? -EIO : 0;
}

int gw_config_print_example(FILE *f, const char *mode)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, mode) == 0)
			return print(f, &modes[i]);
	return -ENOENT;
}
