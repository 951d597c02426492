/* SPDX-License-Identifier: BSD-3-Clause */
#include "hello.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE_BYTES (1ull << GW_EXPORT_PAGE_SHIFT)
#define REGION_MAX_BYTES (1ull << (40 + GW_EXPORT_PAGE_SHIFT)) /* 40 bits of page index */
#define PAGE_SIZE_MAX (1u << 30)

bool gw_text_ok(const char *s, size_t cap)
{
	size_t n = strnlen(s, cap);

	if (n == cap)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return true;
}

static int check_region_fields(const struct gw_export_hello *h, uint32_t idx, struct gw_err *err)
{
	const struct gw_export_region *r = &h->region[idx];

	if (!gw_text_ok(r->name, sizeof(r->name)))
		return gw_err(err, -EPROTO, "region %u: its name is not terminated text", idx);
	if (r->id == UINT8_MAX)
		return gw_err(err, -EPROTO, "region '%s': id 255 is reserved", r->name);
	for (uint32_t i = 0; i < idx; i++) {
		if (h->region[i].id == r->id)
			return gw_err(err, -EPROTO, "regions '%s' and '%s' have the same id %u",
				h->region[i].name, r->name, r->id);
	}
	if (r->size == 0 || r->size % PAGE_BYTES != 0 || r->size > REGION_MAX_BYTES)
		return gw_err(err, -EPROTO,
			"region '%s': size %" PRIu64 " is not a multiple of 4096 in 4096..2^52",
			r->name, r->size);
	if (r->file_offset % PAGE_BYTES != 0)
		return gw_err(err, -EPROTO,
			"region '%s': file offset %" PRIu64 " is not a multiple of 4096", r->name,
			r->file_offset);
	if (r->page_size < PAGE_BYTES || r->page_size > PAGE_SIZE_MAX ||
		(r->page_size & (r->page_size - 1)) != 0)
		return gw_err(err, -EPROTO,
			"region '%s': page size %u is not a power of two in 4096..2^30", r->name,
			r->page_size);
	if (r->numa_node < -1)
		return gw_err(err, -EPROTO, "region '%s': NUMA node %d", r->name, r->numa_node);
	return 0;
}

static int check_region_fd(const struct gw_export_region *r, int fd, struct gw_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return gw_err(err, -EPROTO, "region '%s': its descriptor is not a file", r->name);
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return gw_err(err, -EPROTO,
			"region '%s': its descriptor is not open for reading and writing", r->name);
	if (r->file_offset > (uint64_t)st.st_size ||
		r->size > (uint64_t)st.st_size - r->file_offset)
		return gw_err(err, -EPROTO,
			"region '%s': %" PRIu64 " bytes at %" PRIu64 " do not fit its file of %jd",
			r->name, r->size, r->file_offset, (intmax_t)st.st_size);
	return 0;
}

static int check_rings(const struct gw_export_hello *h, struct gw_err *err)
{
	bool track = h->caps & GW_EXPORT_CAP_TRACK;

	if (!track && h->n_rings != 0)
		return gw_err(err, -EPROTO, "%u rings, but no tracking", h->n_rings);
	if (!track)
		return 0;
	if (h->n_rings == 0 || h->n_rings > GW_EXPORT_MAX_RINGS)
		return gw_err(err, -EPROTO, "%u rings, allowed are 1..%u", h->n_rings,
			GW_EXPORT_MAX_RINGS);
	if (h->ring_entries < GW_EXPORT_RING_MIN_ENTRIES ||
		h->ring_entries > GW_EXPORT_RING_MAX_ENTRIES ||
		(h->ring_entries & (h->ring_entries - 1)) != 0)
		return gw_err(err, -EPROTO, "%u ring entries: not a power of two in %u..%u",
			h->ring_entries, GW_EXPORT_RING_MIN_ENTRIES, GW_EXPORT_RING_MAX_ENTRIES);
	return 0;
}

int gw_hello_check(const struct gw_export_hello *h, size_t len, const char *vm_name, const int *fds,
	unsigned int n_fds, struct gw_exporter_info *info, struct gw_err *err)
{
	unsigned int ring_fds;
	int ret;

	if (len < sizeof(h->msg) + sizeof(h->abi))
		return gw_err(err, -EPROTO, "HELLO of %zu bytes", len);
	if (h->abi != GW_EXPORT_ABI)
		return gw_err(err, -EPROTO, "the exporter speaks ABI %u, godwit speaks %u", h->abi,
			GW_EXPORT_ABI);
	if (len != sizeof(*h))
		return gw_err(err, -EPROTO, "HELLO of %zu bytes, expected %zu", len, sizeof(*h));
	if (!gw_text_ok(h->vm_name, sizeof(h->vm_name)))
		return gw_err(err, -EPROTO, "HELLO: the VM name is not terminated text");
	if (strcmp(h->vm_name, vm_name) != 0)
		return gw_err(err, -EPROTO,
			"HELLO is of VM '%s'; allowed: '%s', as the socket is called (QEMU: the "
			"plugin's option name=)",
			h->vm_name, vm_name);
	if (!gw_text_ok(h->track_error, sizeof(h->track_error)))
		return gw_err(err, -EPROTO, "HELLO: track_error is not terminated text");
	if (h->n_regions == 0 || h->n_regions > GW_EXPORT_MAX_REGIONS)
		return gw_err(err, -EPROTO, "HELLO: %u regions, allowed are 1..%u", h->n_regions,
			GW_EXPORT_MAX_REGIONS);
	ret = check_rings(h, err);
	if (ret < 0)
		return ret;
	ring_fds = h->caps & GW_EXPORT_CAP_TRACK ? 1 : 0;
	if (n_fds != h->n_regions + ring_fds)
		return gw_err(err, -EPROTO, "HELLO: %u descriptors, expected %u", n_fds,
			h->n_regions + ring_fds);
	for (uint32_t i = 0; i < h->n_regions; i++) {
		ret = check_region_fields(h, i, err);
		if (ret == 0)
			ret = check_region_fd(&h->region[i], fds[ring_fds + i], err);
		if (ret < 0)
			return ret;
	}

	info->caps = h->caps;
	memcpy(info->uuid, h->uuid, sizeof(info->uuid));
	memcpy(info->vm_name, h->vm_name, sizeof(info->vm_name));
	memcpy(info->track_error, h->track_error, sizeof(info->track_error));
	info->n_regions = h->n_regions;
	info->n_rings = h->n_rings;
	memcpy(info->region, h->region, h->n_regions * sizeof(h->region[0]));
	return 0;
}

static int check_header(const struct gw_export_hello *h, const struct gw_export_ring_header *shared,
	uint64_t size_bytes, uint64_t *stride, struct gw_err *err)
{
	struct gw_export_ring_header c;
	uint64_t ring_bytes = sizeof(struct gw_export_ring) + h->ring_entries * 8ull;

	memcpy(&c, shared, sizeof(c)); /* once: it may change under us */
	if (c.magic != GW_EXPORT_MAGIC || c.abi != GW_EXPORT_ABI)
		return gw_err(err, -EPROTO, "ring memory: magic %#x, ABI %u", c.magic, c.abi);
	if (c.n_rings != h->n_rings || c.ring_entries != h->ring_entries)
		return gw_err(err, -EPROTO,
			"ring memory: %u rings of %u entries, HELLO said %u of %u", c.n_rings,
			c.ring_entries, h->n_rings, h->ring_entries);
	if (c.ring_stride % 4096 != 0 || c.ring_stride < ring_bytes)
		return gw_err(err, -EPROTO, "ring memory: stride %" PRIu64 " for rings of %" PRIu64,
			c.ring_stride, ring_bytes);
	if (c.ring_stride > (size_bytes - GW_EXPORT_RING_HEADER) / h->n_rings)
		return gw_err(err, -EPROTO,
			"ring memory: %" PRIu64 " bytes are too few for %u rings of %" PRIu64,
			size_bytes, h->n_rings, c.ring_stride);
	*stride = c.ring_stride;
	return 0;
}

int gw_hello_map_rings(const struct gw_export_hello *h, int ring_fd, struct gw_exporter_info *info,
	void **map, size_t *map_bytes, struct gw_err *err)
{
	uint64_t need = GW_EXPORT_RING_HEADER +
			h->n_rings * (sizeof(struct gw_export_ring) + h->ring_entries * 8ull);
	/* Strides beyond this are legal but pointless; without a bound the exporter would choose
	 * how much of our address space it takes. */
	uint64_t most = need + h->n_rings * 4096ull + 4096;
	uint64_t stride = 0;
	struct stat st;
	int seals = fcntl(ring_fd, F_GET_SEALS);
	void *p;
	int ret;

	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return gw_err(err, -EPROTO, "ring memory: not sealed against shrinking");
	if (fstat(ring_fd, &st) < 0 || (uint64_t)st.st_size < need || (uint64_t)st.st_size > most)
		return gw_err(err, -EPROTO,
			"ring memory: %jd bytes, allowed are %" PRIu64 "..%" PRIu64,
			(intmax_t)st.st_size, need, most);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
	if (p == MAP_FAILED) {
		ret = -errno;
		return gw_err(err, ret, "ring memory: mmap: %s", strerror(-ret));
	}
	ret = check_header(h, p, (uint64_t)st.st_size, &stride, err);
	if (ret < 0) {
		munmap(p, (size_t)st.st_size);
		return ret;
	}
	for (uint32_t i = 0; i < h->n_rings; i++) {
		char *ring = (char *)p + GW_EXPORT_RING_HEADER + i * stride;

		info->ring[i] = (struct gw_ring_reader){
			.ring = (struct gw_export_ring *)ring,
			.mask = h->ring_entries - 1,
		};
	}
	*map = p;
	*map_bytes = (size_t)st.st_size;
	return 0;
}
