/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/qmp_frame.c */
#include "../../control/hypervisor/qmp_frame.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void feed(struct gw_qmp_frame *f, const char *text)
{
	size_t room, left = strlen(text);

	while (left > 0) {
		char *to = gw_qmp_frame_room(f, &room);
		size_t n = left < room ? left : room;

		CU_ASSERT_PTR_NOT_NULL_FATAL(to);
		memcpy(to, text, n);
		gw_qmp_frame_filled(f, n);
		text += n;
		left -= n;
	}
}

static void test_frame_byte_by_byte(void)
{
	static const char text[] =
		"{\"event\":\"STOP\",\"data\":{\"a\":1}}\r\n\r\n"
		"{\"return\":{},\"id\":7}\n{\"error\":{\"class\":\"X\"},\"id\":8}\n";
	struct gw_qmp_frame f = {0};
	struct gw_qmp_message m;
	unsigned int n = 0;

	for (const char *c = text; *c != '\0'; c++) {
		feed(&f, (char[]){*c, '\0'});
		while (gw_qmp_frame_next(&f, &m, NULL) == 1) {
			static const enum gw_qmp_kind kinds[] = {
				GW_QMP_EVENT, GW_QMP_RETURN, GW_QMP_ERROR};
			static const json_int_t ids[] = {-1, 7, 8};

			CU_ASSERT_EQUAL(m.kind, kinds[n]);
			CU_ASSERT_EQUAL(m.id, ids[n]);
			gw_qmp_message_clear(&m);
			n++;
		}
	}
	CU_ASSERT_EQUAL(n, 3);
	gw_qmp_frame_clear(&f);
}

static void test_frame_nonsense(void)
{
	static const char *const lines[] = {"x\n", "[]\n", "{}\n", "17\n", "{\"event\":5}\n",
		"{\"error\":1}\n", "{\"QMP\":[]}\n", "{\"a\":\n", "\xff\n", "{\"return\":1}x\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct gw_qmp_frame f = {0};
		struct gw_qmp_message m;
		struct gw_err err;

		feed(&f, lines[i]);
		CU_ASSERT_EQUAL(gw_qmp_frame_next(&f, &m, &err), -EPROTO);
		gw_qmp_frame_clear(&f);
	}
}

static void test_frame_endless_line(void)
{
	struct gw_qmp_frame f = {0};
	struct gw_qmp_message m;
	size_t room, total = 0;
	char *to;

	while ((to = gw_qmp_frame_room(&f, &room)) != NULL && total < 64u << 20) {
		memset(to, ' ', room);
		gw_qmp_frame_filled(&f, room);
		total += room;
		CU_ASSERT_EQUAL(gw_qmp_frame_next(&f, &m, NULL), 0);
	}
	CU_ASSERT_PTR_NULL(to);
	CU_ASSERT(total <= 2 * GW_QMP_LINE_MAX);
	gw_qmp_frame_clear(&f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"messages byte by byte", test_frame_byte_by_byte},
		{"lines that are no QMP", test_frame_nonsense},
		{"a line without end", test_frame_endless_line},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor qmp frame", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
