/* SPDX-License-Identifier: BSD-3-Clause */
/* What the exporter is asked for, carried out one after the other, each taking its time. */
#include "breaks.h"
#include "exporter_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RETRY_NS 50000u
#define HANG_NS 8000000000ull

static void refuse(struct gw_exporter *x, enum gw_export_type request, int code)
{
	struct gw_exporter_event ev = {.type = GW_EXPORT_ERROR};

	ev.error.request = request;
	ev.error.code = code;
	snprintf(ev.error.text, sizeof(ev.error.text), "refused: %s", strerror(-code));
	exporter_say(x, &ev);
}

static void serve(void *ctx);

void exporter_next(struct gw_exporter *x)
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
	exporter_say(x, &ev);
}

static void load(struct gw_exporter *x, const struct exporter_request *r)
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
	sim_moment(i, SIM_LOADED);
	exporter_answer(x, GW_EXPORT_LOADED);
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
	exporter_answer(x, GW_EXPORT_RESUMED);
}

static void synced(struct gw_exporter *x, uint64_t epoch)
{
	struct gw_exporter_event ev = {.type = GW_EXPORT_SYNCED};

	ev.synced.epoch = epoch;
	for (uint32_t n = 0; n < x->info.n_rings; n++)
		ev.synced.head[n] = x->writer[n].head;
	exporter_say(x, &ev);
}

static void track(struct gw_exporter *x, bool on)
{
	struct sim_instance *i = x->inst;

	i->tracking = on;
	i->blocked = false;
	sim_stop(&x->unblock);
	memset(i->dirty, 0, (i->vm->pages + 63) / 64 * 8);
}

static void carry_out(struct gw_exporter *x, const struct exporter_request *r)
{
	struct sim_instance *i = x->inst;

	switch (r->type) {
	case GW_EXPORT_START:
		track(x, true);
		exporter_answer(x, GW_EXPORT_STARTED);
		break;
	case GW_EXPORT_STOP:
		track(x, false);
		exporter_answer(x, GW_EXPORT_STOPPED);
		break;
	case GW_EXPORT_SYNC:
		synced(x, r->value);
		break;
	case GW_EXPORT_THROTTLE:
		i->stunned_pct = (uint32_t)r->value;
		exporter_answer(x, GW_EXPORT_THROTTLED);
		break;
	case GW_EXPORT_TOUCH:
		exporter_answer(x, GW_EXPORT_TOUCHED);
		break;
	case GW_EXPORT_PAUSE:
		i->client_paused = i->client_paused || i->running;
		if (!sim_breaks(SIM_BREAK_PAUSE_LIES))
			sim_instance_pause(i);
		exporter_answer(x, GW_EXPORT_PAUSED);
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
	struct exporter_request r = x->request[0];

	if (r.type == GW_EXPORT_SYNC && !exporter_harvest(x, &x->scan)) {
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
	exporter_next(x);
}
