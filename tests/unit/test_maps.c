/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/export/maps.c and qemu_args.c: what text from /proc tells about QEMU's memory. */
#include "../../dataplane/export/maps.c"

#include "../../dataplane/export/qemu_args.c"
#include "run.h"

#define CAP 4

static struct gw_mapping found[CAP];

static int read_text(const char *text)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int n = gw_maps_read(f, 1 << 20, found, CAP);

	fclose(f);
	return n;
}

static void test_kinds(void)
{
	CU_ASSERT_EQUAL(
		read_text("7f0000000000-7f0010000000 rw-s 00000000 00:01 12 "
			  "                   /memfd:memory-backend-memfd (deleted)\n"
			  "7f0010000000-7f0020000000 rw-p 00000000 00:01 13 /dev/shm/private\n"
			  "7f0020000000-7f0030000000 r--s 00000000 00:01 14 /dev/shm/read only\n"
			  "7f0030000000-7f0040000000 rw-s 00000000 00:00 0 \n"
			  "7f0040000000-7f0040001000 rw-s 00000000 00:01 15 /dev/shm/small\n"
			  "7f0050000000-7f0060000000 rw-s 00001000 fe:02 16 /var/a b\n"),
		2);
	CU_ASSERT_EQUAL(found[0].start, 0x7f0000000000);
	CU_ASSERT_EQUAL(found[0].end, 0x7f0010000000);
	CU_ASSERT_EQUAL(found[0].ino, 12);
	CU_ASSERT_EQUAL(found[0].dev, makedev(0, 1));
	CU_ASSERT_STRING_EQUAL(found[0].path, "/memfd:memory-backend-memfd (deleted)");
	CU_ASSERT_STRING_EQUAL(found[1].path, "/var/a b");
	CU_ASSERT_EQUAL(found[1].file_offset, 0x1000);
	CU_ASSERT_EQUAL(found[1].dev, makedev(0xfe, 2));
}

/* Pieces of a page each that follow one another are one mapping; others are not. */
static void test_merge(void)
{
	CU_ASSERT_EQUAL(read_text("100000-180000 rw-s 00000000 00:01 1 /x\n"
				  "180000-200000 rw-s 00080000 00:01 1 /x\n"
				  "200000-300000 rw-s 00200000 00:01 1 /x\n"
				  "300000-400000 rw-s 00300000 00:01 2 /x\n"
				  "500000-600000 rw-s 00400000 00:01 2 /x\n"),
		4);
	CU_ASSERT_EQUAL(found[0].end - found[0].start, 0x100000);
	CU_ASSERT_EQUAL(found[1].file_offset, 0x200000);
	CU_ASSERT_EQUAL(found[3].start, 0x500000);
	CU_ASSERT_EQUAL(read_text("100000-200000 rw-s 0 00:01 1 /1\n"
				  "200000-300000 rw-s 0 00:01 2 /2\n"
				  "300000-400000 rw-s 0 00:01 3 /3\n"
				  "400000-500000 rw-s 0 00:01 4 /4\n"
				  "500000-600000 rw-s 0 00:01 5 /5\n"),
		-E2BIG);
}

static void test_option(void)
{
	const char *plain = "memory-backend-file,id=m0,mem-path=/dev/shm/a,,b,share=on,size=1G";
	const char *json =
		"{\"qom-type\": \"memory-backend-memfd\", \"id\":\"ram\\\"0\", \"size\":5}";
	char v[32];

	CU_ASSERT(gw_qemu_option(plain, "qom-type", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "memory-backend-file");
	CU_ASSERT(gw_qemu_option(plain, "id", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "m0");
	CU_ASSERT(gw_qemu_option(plain, "mem-path", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "/dev/shm/a,b");
	CU_ASSERT_FALSE(gw_qemu_option(plain, "path", v, sizeof(v)));
	CU_ASSERT(gw_qemu_option(json, "qom-type", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "memory-backend-memfd");
	CU_ASSERT(gw_qemu_option(json, "id", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "ram\"0");
	CU_ASSERT(gw_qemu_option(json, "size", v, sizeof(v)));
	CU_ASSERT_STRING_EQUAL(v, "5");
	CU_ASSERT_FALSE(gw_qemu_option("{\"size\":}", "size", v, sizeof(v)));
	CU_ASSERT_FALSE(gw_qemu_option("{\"id\"", "id", v, sizeof(v)));
	CU_ASSERT_FALSE(gw_qemu_option("", "id", v, sizeof(v)));
	CU_ASSERT(gw_qemu_option(plain, "mem-path", v, 4)); /* cut, terminated */
	CU_ASSERT_STRING_EQUAL(v, "/de");
}

static void test_arguments(void)
{
	static char text[] =
		"qemu\0-object\0memory-backend-memfd,id=a\0--object\0"
		"memory-backend-file,id=f,mem-path=/x\0-uuid\0u\0-object\0"
		"{\"id\":\"b\",\"qom-type\":\"memory-backend-memfd\"}\0-daemonize\0-object";
	struct gw_qemu_args a = {.text = text, .len = sizeof(text)};
	char id[8];

	CU_ASSERT(gw_qemu_args_nth_id(&a, "memory-backend-memfd", 0, id, sizeof(id)));
	CU_ASSERT_STRING_EQUAL(id, "a");
	CU_ASSERT(gw_qemu_args_nth_id(&a, "memory-backend-memfd", 1, id, sizeof(id)));
	CU_ASSERT_STRING_EQUAL(id, "b");
	CU_ASSERT_FALSE(gw_qemu_args_nth_id(&a, "memory-backend-memfd", 2, id, sizeof(id)));
	CU_ASSERT(gw_qemu_args_file_id(&a, "/x", id, sizeof(id)));
	CU_ASSERT_STRING_EQUAL(id, "f");
	CU_ASSERT_FALSE(gw_qemu_args_file_id(&a, "/y", id, sizeof(id)));
	CU_ASSERT(gw_qemu_args_has(&a, "-daemonize"));
	CU_ASSERT_FALSE(gw_qemu_args_has(&a, "-daemon"));
	CU_ASSERT_STRING_EQUAL(gw_qemu_args_value(&a, "-uuid"), "u");
	CU_ASSERT_PTR_NULL(gw_qemu_args_value(&a, "-name"));
	a = (struct gw_qemu_args){.text = NULL};
	CU_ASSERT_FALSE(gw_qemu_args_has(&a, "-daemonize"));
}

static void test_preallocated(void)
{
	static char text[] =
		"qemu\0-object\0memory-backend-file,id=a,prealloc=on,mem-path=/x\0-object\0"
		"memory-backend-memfd,id=b,prealloc=off\0-object\0memory-backend-memfd,id=c\0"
		"-object\0{\"id\":\"d\",\"qom-type\":\"memory-backend-memfd\",\"prealloc\":true}\0"
		"-object\0iothread,id=e,prealloc=on\0-object";
	static char all[] = "qemu\0-mem-prealloc\0-object\0memory-backend-memfd,id=c";
	struct gw_qemu_args a = {.text = text, .len = sizeof(text)};

	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, NULL), 2);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "a"), 1);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "b"), 0);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "c"), 0);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "d"), 1);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "e"), 0);
	a = (struct gw_qemu_args){.text = all, .len = sizeof(all)};
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, "c"), 1);
	CU_ASSERT_EQUAL(gw_qemu_args_preallocated(&a, NULL), 1);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"kinds of mappings", test_kinds},
		{"neighbours merge", test_merge},
		{"option texts", test_option},
		{"arguments", test_arguments},
		{"preallocated backends", test_preallocated},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"maps", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
