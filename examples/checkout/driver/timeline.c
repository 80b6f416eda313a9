/* The services may have ended by then: the command reads the database of "orders". */
#include "driver/timeline.h"

static const char *choose_order(const demo_books *books)
{
    for (size_t i = 0; i < books->order_count; i++)
        if (books->orders[i].state == STATE_CANCELLED)
            return books->orders[i].id;
    return books->order_count > 0 ? books->orders[0].id : NULL;
}

static bool copy_file(const char *path, FILE *talk)
{
    char part[4096];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    for (size_t size = 0; (size = fread(part, 1, sizeof(part), file)) > 0;)
        fwrite(part, 1, size, talk);
    fclose(file);
    return true;
}

bool timeline_show(const demo_shop *shop, const demo_books *books, FILE *talk)
{
    const char *order_id = choose_order(books);
    if (order_id == NULL)
        return true;
    demo_process command = {0};
    place_name(&shop->place, &command, "timeline");
    const char *what = shop->orchestrated ? "saga" : "flow";
    const char *const argv[] = {"skald", what, "show", order_id, NULL};
    fprintf(talk, "\nskald %s show %s\n\n", what, order_id);
    return place_command(&command, argv, shop->services[SERVICE_ORDERS].name) &&
           place_commanded(&command) && copy_file(command.log, talk);
}
