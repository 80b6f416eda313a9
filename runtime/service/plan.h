/* `<program> plan`: what a deployment of this program would mean for the sagas that run. */
#ifndef SKALD_SERVICE_PLAN_H
#define SKALD_SERVICE_PLAN_H

#include "service/service_inside.h"

#include <stdio.h>

/* Compares every open saga with the newest version of its definition that this program knows, and
 * prints a row for each version that sagas are on, with reasons. `argv` are the words behind
 * "plan": --apply moves what is safe; --rename OLD=NEW says what a step is called now. `*code`
 * receives how the program ends: 0, 1 when some cannot be moved, 64 when a word is wrong. The
 * service is not started. */
skald_status skald_plan_sagas(skald_service *service, int argc, char **argv, FILE *out, int *code,
                              skald_error *error);

#endif
