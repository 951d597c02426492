/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated hypervisor process behind dataplane/export/client.h and control/hypervisor/process.h:
 * what godwitd hears from an exporter, without its socket. Dirty pages go through real rings. */
#include "../../control/hypervisor/process.h"
#include "../../dataplane/export/producer.h"
#include "breaks.h"
#include "fds.h"
#include "guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_REQUESTS 16u
#define MAX_ANSWERS 32u
#define RETRY_NS 50000u
#define HELLO_RETRY_NS 5000000u
#define HANG_NS 8000000000ull

struct request {
	enum gw_export_type type;
	uint64_t value; /* epoch, size */
	int fd;
};

struct gw_exporter {
	struct gw_exporter_info info;
	struct sim_instance *inst; /* NULL: the process died */
	int fd;
	bool hello;
	struct gw_ring_area area;
	struct gw_ring_writer writer[GW_EXPORT_MAX_RINGS];
	struct request request[MAX_REQUESTS];
	uint32_t n_requests;
	uint32_t outstanding; /* bit per type */
	struct gw_exporter_event answer[MAX_ANSWERS];
	uint32_t n_answers;
	uint64_t scan; /* of a harvest under way */
	struct sim_event service, unblock;
};

/* ---- what the client reads ---- */

static void say(struct gw_exporter *x, const struct gw_exporter_event *ev)
{
	if (x->n_answers == MAX_ANSWERS)
		abort();
	x->answer[x->n_answers++] = *ev;
	sim_fd_ready(x->fd, EPOLLIN, 5000);
}

static void answer(struct gw_exporter *x, enum gw_export_type type)
{
	struct gw_exporter_event ev = {.type = type};

	say(x, &ev);
}

static void refuse(struct gw_exporter *x, enum gw_export_type request, int code)
{
	struct gw_exporter_event ev = {.type = GW_EXPORT_ERROR};

	ev.error.request = request;
	ev.error.code = code;
	snprintf(ev.error.text, sizeof(ev.error.text), "refused: %s", strerror(-code));
	say(x, &ev);
}

/* ---- dirty pages ---- */

static int push(struct gw_exporter *x, uint32_t ring, uint64_t flat, uint32_t count)
{
	const struct sim_vm *vm = x->inst->vm;
	uint32_t r = 0;

	if (sim_breaks(SIM_BREAK_LOSE_DIRTY) && sim_chance(0.02))
		return 0;
	while (flat >= vm->region_pages[r])
		flat -= vm->region_pages[r++];
	return gw_ring_push(&x->writer[ring], gw_export_entry(flat, count, x->info.region[r].id));
}

/* Pushes what is dirty from *scan on; a page is tracked again before it is read. False: a ring is
 * full. */
static bool harvest(struct gw_exporter *x, uint64_t *scan)
{
	struct sim_instance *i = x->inst;
	uint64_t words = (i->vm->pages + 63) / 64;

	for (; *scan < words; (*scan)++) {
		while (i->dirty[*scan] != 0) {
			unsigned int bit = (unsigned int)__builtin_ctzll(i->dirty[*scan]);

			if (push(x, 0, *scan * 64 + bit, 1) != 0)
				return false;
			i->dirty[*scan] &= ~(UINT64_C(1) << bit);
		}
	}
	return true;
}

/* The vCPU waits until its page fits into the ring. */
static void unblock(void *ctx)
{
	struct gw_exporter *x = ctx;
	uint64_t scan = 0;

	if (harvest(x, &scan))
		x->inst->blocked = false;
	else
		sim_after(&x->unblock, RETRY_NS, unblock, x);
}

void sim_exporter_pages(struct sim_instance *i, uint64_t flat, uint64_t count)
{
	struct gw_exporter *x = i->client;

	for (; count > 0; flat++, count--) {
		if (i->vm->profile.push && push(x, sim_below(x->info.n_rings), flat, 1) == 0)
			continue;
		i->dirty[flat / 64] |= UINT64_C(1) << (flat % 64);
		if (!i->vm->profile.push || i->blocked)
			continue;
		i->blocked = true;
		sim_after(&x->unblock, RETRY_NS, unblock, x);
	}
}

/* ---- requests ---- */

static void serve(void *ctx);

static void next_request(struct gw_exporter *x)
{
	const struct sim_profile *p = &x->inst->vm->profile;
	uint64_t ns =
		(uint64_t)sim_log_between((double)p->operation_ns / 10, (double)p->operation_ns);

	if (x->n_requests == 0)
		return;
	if (x->request[0].type != GW_EXPORT_QUIT && sim_chance(p->hangs))
		ns += sim_random() % HANG_NS;
	if (x->request[0].type == GW_EXPORT_SYNC)
		ns /= 10;
	x->scan = 0;
	sim_after(&x->service, ns, serve, x);
}

static void state_bytes(const struct sim_vm *vm, uint8_t *out, uint32_t size)
{
	for (uint32_t n = 0; n < size; n++)
		out[n] = (uint8_t)((vm->state_word + n) * 2654435761u >> 13);
}

static void save(struct gw_exporter *x)
{
	struct gw_exporter_event ev = {.type = GW_EXPORT_SAVED};
	struct sim_instance *i = x->inst;
	struct sim_vm *vm = i->vm;
	uint8_t *state;

	/* Virtio rings: saving the devices still writes guest memory. */
	for (uint32_t n = 0; n < vm->profile.save_writes; n++)
		sim_instance_write(i, sim_random() % vm->pages);
	vm->state_word = sim_random();
	ev.saved.size = 1 + sim_below(vm->profile.state_bytes);
	ev.saved.fd = memfd_create("sim-state", MFD_CLOEXEC);
	state = malloc(ev.saved.size);
	if (state == NULL || ev.saved.fd < 0)
		abort();
	state_bytes(vm, state, (uint32_t)ev.saved.size);
	if (write(ev.saved.fd, state, ev.saved.size) != (ssize_t)ev.saved.size)
		abort();
	free(state);
	i->saved_for_client = true;
	say(x, &ev);
}

static void load(struct gw_exporter *x, const struct request *r)
{
	struct sim_instance *i = x->inst;
	uint8_t *got = malloc(r->value), *want = malloc(r->value);
	char text[128];

	if (got == NULL || want == NULL || pread(r->fd, got, r->value, 0) != (ssize_t)r->value)
		abort();
	state_bytes(i->vm, want, (uint32_t)r->value);
	if (memcmp(got, want, r->value) != 0)
		sim_broken(
			"%s: the device state that is loaded is not what was saved", i->vm->name);
	if (i->fenced && i->fence_hash != sim_instance_hash(i))
		sim_broken("%s: something was stored after the fence", i->vm->name);
	/* A load that hung may come when the guest has long been resumed at the source. */
	if (sim_runner(i->vm) == NULL && !sim_instance_true(i, text, sizeof(text)))
		sim_broken("%s loads on host %u before its memory is right: %s", i->vm->name,
			i->host, text);
	free(got);
	free(want);
	i->loaded = true;
	i->incoming = false;
	answer(x, GW_EXPORT_LOADED);
}

static void resume(struct gw_exporter *x)
{
	if (x->inst->incoming) {
		refuse(x, GW_EXPORT_RESUME, -EBUSY);
		return;
	}
	if (!sim_breaks(SIM_BREAK_RESUME_LIES))
		sim_instance_run(x->inst);
	x->inst->client_paused = false;
	answer(x, GW_EXPORT_RESUMED);
}

static void synced(struct gw_exporter *x, uint64_t epoch)
{
	struct gw_exporter_event ev = {.type = GW_EXPORT_SYNCED};

	ev.synced.epoch = epoch;
	for (uint32_t n = 0; n < x->info.n_rings; n++)
		ev.synced.head[n] = x->writer[n].head;
	say(x, &ev);
}

static void track(struct gw_exporter *x, bool on)
{
	struct sim_instance *i = x->inst;

	i->tracking = on;
	i->blocked = false;
	sim_stop(&x->unblock);
	memset(i->dirty, 0, (i->vm->pages + 63) / 64 * 8);
}

static void carry_out(struct gw_exporter *x, const struct request *r)
{
	struct sim_instance *i = x->inst;

	switch (r->type) {
	case GW_EXPORT_START:
		track(x, true);
		answer(x, GW_EXPORT_STARTED);
		break;
	case GW_EXPORT_STOP:
		track(x, false);
		answer(x, GW_EXPORT_STOPPED);
		break;
	case GW_EXPORT_SYNC:
		synced(x, r->value);
		break;
	case GW_EXPORT_PAUSE:
		i->client_paused = i->client_paused || i->running;
		if (!sim_breaks(SIM_BREAK_PAUSE_LIES))
			sim_instance_pause(i);
		answer(x, GW_EXPORT_PAUSED);
		break;
	case GW_EXPORT_RESUME:
		resume(x);
		break;
	case GW_EXPORT_SAVE:
		save(x);
		break;
	case GW_EXPORT_LOAD:
		load(x, r);
		break;
	default:
		break;
	}
}

static void serve(void *ctx)
{
	struct gw_exporter *x = ctx;
	struct request r = x->request[0];

	if (r.type == GW_EXPORT_SYNC && !harvest(x, &x->scan)) {
		sim_after(&x->service, RETRY_NS, serve, x);
		return;
	}
	memmove(x->request, x->request + 1, --x->n_requests * sizeof(r));
	x->outstanding &= ~(1u << r.type);
	sim_trace("exporter %s@%u: request %d", x->inst->vm->name, x->inst->host, (int)r.type);
	if (r.type == GW_EXPORT_QUIT) {
		sim_instance_kill(x->inst);
		return;
	}
	if (sim_chance(x->inst->vm->profile.fails))
		refuse(x, r.type, -EIO);
	else
		carry_out(x, &r);
	if (r.type == GW_EXPORT_LOAD)
		close(r.fd);
	next_request(x);
}

static int ask(struct gw_exporter *x, enum gw_export_type type, uint64_t value, int fd)
{
	if (x->inst == NULL)
		return -EPIPE;
	if (!x->hello)
		return -EINVAL;
	if (x->outstanding & 1u << type)
		return -EALREADY;
	x->outstanding |= 1u << type;
	x->request[x->n_requests++] = (struct request){type, value, fd >= 0 ? dup(fd) : -1};
	if (x->n_requests == 1)
		next_request(x);
	return 0;
}

int gw_exporter_start(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_START, 0, -1);
}

int gw_exporter_stop(struct gw_exporter *x)
{
	/* It ends a SYNC that waits for room. */
	return ask(x, GW_EXPORT_STOP, 0, -1);
}

int gw_exporter_sync(struct gw_exporter *x, uint64_t epoch)
{
	return ask(x, GW_EXPORT_SYNC, epoch, -1);
}

int gw_exporter_pause(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_PAUSE, 0, -1);
}

int gw_exporter_resume(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_RESUME, 0, -1);
}

int gw_exporter_save(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_SAVE, 0, -1);
}

int gw_exporter_load(struct gw_exporter *x, int fd, uint64_t size)
{
	return ask(x, GW_EXPORT_LOAD, size, fd);
}

int gw_exporter_quit(struct gw_exporter *x)
{
	return ask(x, GW_EXPORT_QUIT, 0, -1);
}

/* ---- the connection ---- */

static void describe(struct gw_exporter *x)
{
	struct gw_exporter_info *info = &x->info;
	const struct sim_instance *i = x->inst;

	info->caps = GW_EXPORT_CAP_TRACK | GW_EXPORT_CAP_LIFECYCLE |
		     (i->running ? 0 : GW_EXPORT_CAP_PAUSED);
	snprintf(info->vm_name, sizeof(info->vm_name), "%s", i->vm->name);
	info->pid = i->pid;
	info->n_regions = i->vm->n_regions;
	for (uint32_t r = 0; r < i->vm->n_regions; r++) {
		struct gw_export_region *e = &info->region[r];

		*e = (struct gw_export_region){.size = i->vm->region_pages[r] * SIM_PAGE,
			.page_size = SIM_PAGE,
			.numa_node = -1,
			.flags = GW_EXPORT_REGION_TMPFS,
			.id = (uint8_t)(r * 3)};
		snprintf(e->name, sizeof(e->name), "ram%u", r);
		info->region_fd[r] = i->fd[r];
	}
	info->n_rings = i->vm->profile.n_rings;
	if (gw_ring_area_create(info->n_rings, i->vm->profile.ring_entries, &x->area) != 0)
		abort();
	for (uint32_t n = 0; n < info->n_rings; n++) {
		x->writer[n] = gw_ring_area_writer(&x->area, n);
		info->ring[n] = (struct gw_ring_reader){
			.ring = x->writer[n].ring, .mask = i->vm->profile.ring_entries - 1};
	}
}

/* One client at a time; the next one waits. */
static void greet(void *ctx)
{
	struct gw_exporter *x = ctx;

	if (x->inst->client != NULL) {
		sim_after(&x->service, HELLO_RETRY_NS, greet, x);
		return;
	}
	x->inst->client = x;
	x->inst->client_paused = x->inst->saved_for_client = false;
	x->hello = true;
	describe(x);
	answer(x, GW_EXPORT_HELLO);
}

/* Clients that wait for their turn are not in inst->client. */
static struct gw_exporter *waiting[64];

int gw_exporter_connect(
	const char *path, uint64_t state_limit_bytes, struct gw_exporter **out, struct gw_err *err)
{
	struct sim_instance *i = NULL;
	struct gw_exporter *x;
	unsigned int host;
	char vm[32];

	(void)state_limit_bytes;
	if (sscanf(path, "/sim/%u/%31[^.].export", &host, vm) == 2)
		i = sim_instance_find(host, vm);
	if (i == NULL)
		return gw_err(err, -ENOENT, "%s: nobody there", path);
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	x->inst = i;
	x->fd = sim_fd_new();
	x->area.fd = -1;
	for (uint32_t n = 0; n < 64; n++) {
		if (waiting[n] != NULL)
			continue;
		waiting[n] = x;
		break;
	}
	sim_after(&x->service, 50000, greet, x);
	*out = x;
	return 0;
}

void sim_exporter_gone(struct sim_instance *i)
{
	for (uint32_t n = 0; n < 64; n++) {
		struct gw_exporter *x = waiting[n];

		if (x == NULL || x->inst != i)
			continue;
		sim_stop(&x->service);
		sim_stop(&x->unblock);
		x->inst = NULL;
		sim_fd_ready(x->fd, EPOLLIN, 20000);
	}
	i->client = NULL;
	i->tracking = i->blocked = false;
}

void gw_exporter_free(struct gw_exporter **out)
{
	struct gw_exporter *x = *out;

	if (x == NULL)
		return;
	*out = NULL;
	sim_stop(&x->service);
	sim_stop(&x->unblock);
	sim_fd_not_ready(x->fd, EPOLLIN);
	for (uint32_t n = 0; n < 64; n++)
		if (waiting[n] == x)
			waiting[n] = NULL;
	for (uint32_t n = 0; n < x->n_requests; n++)
		if (x->request[n].fd >= 0)
			close(x->request[n].fd);
	for (uint32_t n = 0; n < x->n_answers; n++)
		if (x->answer[n].type == GW_EXPORT_SAVED)
			close(x->answer[n].saved.fd);
	if (x->inst != NULL && x->inst->client == x) {
		struct sim_instance *i = x->inst;

		i->client = NULL;
		i->tracking = i->blocked = false;
		if (i->client_paused && !i->saved_for_client)
			sim_instance_run(i);
	}
	gw_ring_area_free(&x->area);
	free(x);
}

int gw_exporter_fd(const struct gw_exporter *x)
{
	return x->fd;
}

const struct gw_exporter_info *gw_exporter_info(const struct gw_exporter *x)
{
	return &x->info;
}

int gw_exporter_read(struct gw_exporter *x, struct gw_exporter_event *ev, struct gw_err *err)
{
	if (x->n_answers == 0) {
		if (x->inst == NULL)
			return gw_err(err, -EPIPE, "the exporter is gone");
		sim_fd_not_ready(x->fd, EPOLLIN);
		return 0;
	}
	*ev = x->answer[0];
	memmove(x->answer, x->answer + 1, --x->n_answers * sizeof(*ev));
	return 1;
}

/* ---- its process ---- */

struct gw_process {
	struct sim_instance *inst;
	struct sim_event look;
	uint64_t kill_at_ns;
	void (*gone)(void *ctx);
	void *ctx;
};

int gw_process_open(struct gw_loop *loop, pid_t pid, struct gw_process **out)
{
	(void)loop;
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	(*out)->inst = sim_instance_of_pid(pid);
	return 0;
}

void gw_process_free(struct gw_process **p)
{
	if (*p == NULL)
		return;
	sim_stop(&(*p)->look);
	free(*p);
	*p = NULL;
}

static void look(void *ctx)
{
	struct gw_process *p = ctx;

	if (!p->inst->alive) {
		p->gone(p->ctx);
		return;
	}
	if (sim_now() >= p->kill_at_ns)
		sim_instance_kill(p->inst);
	sim_after(&p->look, 500000, look, p);
}

void gw_process_await_end(
	struct gw_process *p, uint64_t kill_after_ns, void (*gone)(void *ctx), void *ctx)
{
	p->gone = gone;
	p->ctx = ctx;
	p->kill_at_ns = sim_now() + kill_after_ns;
	sim_after(&p->look, 1000, look, p);
}
