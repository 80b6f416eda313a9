/* One order's way, as the command `skald` tells it to whoever asks. */
#ifndef DRIVER_TIMELINE_H
#define DRIVER_TIMELINE_H

#include "driver/books.h"
#include "driver/shop.h"

#include <stdbool.h>
#include <stdio.h>

/* Of an order that was cancelled, if there is one: that is the longest way. False, with what the
 * command said, when it does not know the order. */
bool timeline_show(const demo_shop *shop, const demo_books *books, FILE *talk);

#endif
