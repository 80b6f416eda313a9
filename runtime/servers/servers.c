/* Private PostgreSQL and NATS servers. */
typedef int skald_servers_placeholder;
