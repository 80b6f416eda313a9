/* One statement for each thing that is done, two for taking. */
#include "inventory/shelf.h"

#include <libpq-fe.h>

skald_status shelf_take(skald_context *context, const Shop__V1__Order *order, bool *taken)
{
    PGresult *rows = NULL;
    const skald_status status = skald_query(context, &rows,
                                            "UPDATE stock SET on_hand = on_hand - $2"
                                            " WHERE sku = $1 AND on_hand >= $2 RETURNING on_hand",
                                            order->sku, order->quantity);
    if (status != SKALD_OK)
        return status;
    *taken = PQntuples(rows) == 1;
    if (!*taken)
        return SKALD_OK;
    return skald_exec(context,
                      "INSERT INTO reservation (order_id, sku, quantity) VALUES ($1, $2, $3)",
                      order->order_id, order->sku, order->quantity);
}

skald_status shelf_put_back(skald_context *context, const Shop__V1__Order *order)
{
    return skald_exec(context,
                      "WITH released AS"
                      " (DELETE FROM reservation WHERE order_id = $1 RETURNING sku, quantity)"
                      " UPDATE stock SET on_hand = on_hand + released.quantity"
                      " FROM released WHERE stock.sku = released.sku",
                      order->order_id);
}

skald_status shelf_ship(skald_context *context, const Shop__V1__Order *order)
{
    return skald_exec(context, "INSERT INTO shipment (order_id) VALUES ($1)", order->order_id);
}
