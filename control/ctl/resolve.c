/* SPDX-License-Identifier: BSD-3-Clause */
/* The resolve command. Which words there are, and what is true, is godwitd's to say. */
#include "ctl.h"
#include "text.h"

#include <string.h>

int ctl_resolve(const struct ctl *ctl, int argc, char **argv)
{
	const char *session = NULL, *as = NULL;
	json_t *result = NULL;
	bool sure = false;
	int rc;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--sure") == 0)
			sure = true;
		else if (strcmp(argv[i], "--as") == 0 && i + 1 < argc)
			as = argv[++i];
		else if (argv[i][0] == '-')
			return ctl_usage("resolve: unknown option '%s'", argv[i]);
		else if (session == NULL)
			session = argv[i];
		else
			return ctl_usage("resolve takes one VM or ID");
	}
	if (session == NULL || as == NULL)
		return ctl_usage("resolve takes VM or ID, and --as WHAT");
	rc = ctl_call_session(ctl, "resolve", session,
		json_pack("{s:s, s:b}", "as", as, "sure", sure ? 1 : 0), &result);
	if (rc != CTL_OK)
		return rc;
	if (ctl->json)
		ctl_print_json(result);
	else
		printf("session %s is resolved as %s; 'godwitctl show %s' tells how it ends\n",
			text_of(result, "id").s, as, text_of(result, "id").s);
	json_decref(result);
	return CTL_OK;
}
