/* How "payments" hears what it is to do; one of the two, see shop/mode.h. Both only note what is to
 * be asked of the provider, in their transaction. */
#ifndef PAYMENTS_WAYS_H
#define PAYMENTS_WAYS_H

#include <skald/skald.h>

void payments_follow(skald_service *service);      /* choreography.c: others' events */
void payments_participate(skald_service *service); /* participant.c: commands of the saga */

#endif
