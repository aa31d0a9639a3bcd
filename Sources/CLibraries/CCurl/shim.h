// libcurl: HTTP clients.
#ifndef EMETH_CCURL_SHIM_H
#define EMETH_CCURL_SHIM_H
#include <curl/curl.h>
#endif
