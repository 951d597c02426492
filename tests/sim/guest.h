/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulated guests. A VM exists as instances, one for each hypervisor process that was started for
 * it: the one that runs, and one that waits at a destination. An instance has real memory (memfd,
 * with holes), a guest that writes it, and is an exporter (exporter.c).
 *
 * What a page must hold is known: `word` of a page is 0 (zeros or a hole) or names its contents.
 * The truth belongs to the VM; it is what the running guest wrote last.
 */
#pragma once

#include "../../dataplane/export/client.h"
#include "engine.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_MAX_VMS 8u
#define SIM_MAX_INSTANCES 64u
#define SIM_MAX_REGIONS 3u
#define SIM_PAGE 4096u

/* How a guest behaves. */
struct sim_profile {
	uint64_t write_ns; /* mean time between bursts of writes; 0: it writes nothing */
	uint32_t burst_pages;
	uint32_t hot_pages; /* most writes go there */
	double cold, sequential, zero, punch;
	bool push; /* dirty pages go into the ring at once; otherwise they are harvested */
	uint32_t ring_entries, n_rings;
	/* Hypervisor operations take between a tenth of this and this. */
	uint64_t operation_ns;
	uint32_t state_bytes, save_writes; /* pages that saving the state writes */
	double fails, hangs;               /* share of operations */
};

struct sim_instance;

struct sim_vm {
	char name[32];
	struct sim_profile profile;
	uint32_t n_regions;
	uint64_t region_pages[SIM_MAX_REGIONS];
	uint64_t pages;
	uint32_t *word; /* the truth */
	uint32_t next_word;
	uint64_t state_word; /* what the newest device state holds */
	uint32_t moves;      /* times it began to run at a destination */
	bool lost;           /* its hypervisor died */
};

struct sim_instance {
	struct sim_vm *vm;
	uint32_t host;
	int pid;
	bool alive, running, incoming, loaded;
	bool ran;      /* ever */
	uint32_t turn; /* vm->moves when it began to run */
	int fd[SIM_MAX_REGIONS];
	uint8_t *at[SIM_MAX_REGIONS];
	uint64_t *dirty;        /* tracking */
	bool tracking, blocked; /* blocked: a vCPU waits for room in the ring */
	uint64_t cursor;        /* of the sequential writer */
	uint64_t fence_hash;
	bool fenced;
	struct sim_event writer;
	struct gw_exporter *client;
	bool client_paused, saved_for_client;
	uint32_t stunned_pct; /* THROTTLE */
};

void sim_guests_reset(void);
struct sim_vm *sim_vm_create(
	const struct sim_profile *profile, const uint64_t *region_pages, uint32_t n_regions);
uint32_t sim_vms(void);
struct sim_vm *sim_vm(uint32_t n);

/* A new hypervisor process. running: the guest runs, with memory filled to `fill`; otherwise it
 * waits for an incoming migration. */
struct sim_instance *sim_instance_create(
	struct sim_vm *vm, uint32_t host, bool running, double fill);
uint32_t sim_instances(void);
struct sim_instance *sim_instance(uint32_t n);
struct sim_instance *sim_instance_find(uint32_t host, const char *vm); /* alive */
struct sim_instance *sim_instance_of_pid(int pid);
/* The one whose guest runs, or NULL. */
struct sim_instance *sim_runner(const struct sim_vm *vm);

void sim_instance_run(struct sim_instance *i); /* invariants: one runner, and it has the truth */
void sim_instance_pause(struct sim_instance *i);
/* What trouble may wait for. */
enum sim_moment { SIM_PAUSED, SIM_LOADED, SIM_RESUMED, SIM_MOMENTS };
void sim_on_moment(void (*fn)(struct sim_instance *i, enum sim_moment m)); /* called at each */
void sim_moment(struct sim_instance *i, enum sim_moment m);                /* is now */
/* The hypervisor itself writes a page. */
void sim_instance_write(struct sim_instance *i, uint64_t flat);
void sim_instance_kill(struct sim_instance *i);
/* Whether its memory holds the truth; the first page that does not is named in text. */
bool sim_instance_true(const struct sim_instance *i, char *text, size_t size);
/* Whether it holds nothing but holes. */
bool sim_instance_empty(const struct sim_instance *i);
/* A digest of all its memory; holes are not touched. */
uint64_t sim_instance_hash(const struct sim_instance *i);

/* exporter.c */
void sim_exporter_pages(struct sim_instance *i, uint64_t flat, uint64_t count); /* were written */
void sim_exporter_gone(struct sim_instance *i); /* the process died */
