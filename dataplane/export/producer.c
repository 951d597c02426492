/* SPDX-License-Identifier: BSD-3-Clause */
#include "producer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t ring_stride_of(uint32_t ring_entries)
{
	uint64_t bytes = sizeof(struct gw_export_ring) + (uint64_t)ring_entries * sizeof(uint64_t);

	return (bytes + 4095) & ~4095ull;
}

int gw_ring_area_create(uint32_t n_rings, uint32_t ring_entries, struct gw_ring_area *out)
{
	struct gw_ring_area a = {.fd = -1, .n_rings = n_rings, .ring_entries = ring_entries};
	struct gw_export_ring_header *header;
	int ret;

	if (n_rings == 0 || n_rings > GW_EXPORT_MAX_RINGS ||
	        ring_entries < GW_EXPORT_RING_MIN_ENTRIES ||
	        ring_entries > GW_EXPORT_RING_MAX_ENTRIES || (ring_entries & (ring_entries - 1)))
		return -EINVAL;
	a.ring_stride = ring_stride_of(ring_entries);
	a.size_bytes = GW_EXPORT_RING_HEADER + n_rings * a.ring_stride;

	a.fd = memfd_create("godwit-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (a.fd < 0)
		return -errno;
	if (ftruncate(a.fd, (off_t)a.size_bytes) < 0)
		goto err;
	a.map = mmap(NULL, a.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, a.fd, 0);
	if (a.map == MAP_FAILED)
		goto err;
	if (fcntl(a.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto err_map;

	header = a.map;
	*header = (struct gw_export_ring_header){
	        .magic = GW_EXPORT_MAGIC,
	        .abi = GW_EXPORT_ABI,
	        .n_rings = n_rings,
	        .ring_entries = ring_entries,
	        .ring_stride = a.ring_stride,
	};
	*out = a;
	return 0;

err_map:
	ret = -errno;
	munmap(a.map, a.size_bytes);
	close(a.fd);
	return ret;
err:
	ret = -errno;
	close(a.fd);
	return ret;
}

void gw_ring_area_free(struct gw_ring_area *area)
{
	if (area->map == NULL)
		return;
	munmap(area->map, area->size_bytes);
	close(area->fd);
	*area = (struct gw_ring_area){.fd = -1};
}

struct gw_ring_writer gw_ring_area_writer(const struct gw_ring_area *area, uint32_t idx)
{
	char *base = (char *)area->map + GW_EXPORT_RING_HEADER + idx * area->ring_stride;

	return (struct gw_ring_writer){
	        .ring = (struct gw_export_ring *)base,
	        .mask = area->ring_entries - 1,
	};
}
