/* How "inventory" hears what it is to do; one of the two, see shop/mode.h. */
#ifndef INVENTORY_WAYS_H
#define INVENTORY_WAYS_H

#include <skald/skald.h>

void inventory_follow(skald_service *service);      /* choreography.c: others' events */
void inventory_participate(skald_service *service); /* participant.c: commands of the saga */

#endif
