/* Tells the database which flows this program watches, for tools and for the keeper. */
#ifndef SKALD_FLOWS_DEFINITIONS_H
#define SKALD_FLOWS_DEFINITIONS_H

#include "flows/flows.h"
#include "pg/connection.h"

/* Writes those that are new or have changed into skald.flow_definition, and takes back what they do
 * not expect any more. */
skald_status skald_flows_declare(const skald_flows *flows, skald_pg *pg, skald_error *error);

#endif
