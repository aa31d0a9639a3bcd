// libpq: PostgreSQL as the Execution Layer's shared state.
#ifndef EMETH_CPOSTGRESQL_SHIM_H
#define EMETH_CPOSTGRESQL_SHIM_H
#include <libpq-fe.h>
#endif
