/* The story of a choreographed saga: the events that came, and what is awaited until when. For
 * `skald flow show`, and for whoever shows a key that may be one of a flow. */
#ifndef SKALD_CLI_FLOW_TIMELINE_H
#define SKALD_CLI_FLOW_TIMELINE_H

#include "cli/session.h"

/* Prints the instances that have this key, of one flow or (NULL) of all, for people or as one JSON
 * value; *found says whether there is any, and nothing is printed otherwise. False after a failure,
 * which is in session->error. */
bool flow_timeline_print(cli_session *session, const char *key, const char *flow, bool *found);

#endif
