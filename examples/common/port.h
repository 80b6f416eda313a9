/* TCP ports on the loopback address that belong to somebody who is not there. */
#ifndef EXAMPLES_PORT_H
#define EXAMPLES_PORT_H

/* Takes this port, or a free one when it is 0, so that nobody else gets it, and answers nobody:
 * whoever connects is refused. A socket to be closed; -1 when it cannot. */
int port_hold(unsigned *port);

#endif
