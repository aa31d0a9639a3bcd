// libcurl: HTTP clients.
#ifndef EMETH_CCURL_SHIM_H
#define EMETH_CCURL_SHIM_H
#include <curl/curl.h>

// Swift can't call C functions with a variable number of arguments: one function for each kind of argument.
// All return the status of curl_easy_setopt or curl_easy_getinfo.

/// Sets an option whose argument is a long.
static inline CURLcode emeth_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}
/// Sets an option whose argument is a length.
static inline CURLcode emeth_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}
/// Sets an option whose argument is text, which libcurl copies; NULL resets it.
static inline CURLcode emeth_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}
/// Sets an option whose argument is a pointer that the caller keeps valid while the handle uses it.
static inline CURLcode emeth_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}
/// Sets the request's headers; the list stays the caller's.
static inline CURLcode emeth_curl_set_headers(CURL *handle, struct curl_slist *list) {
  return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
}
/// Sets a function that takes bytes in: the body (CURLOPT_WRITEFUNCTION) or a header line.
static inline CURLcode emeth_curl_set_sink(CURL *handle, CURLoption option,
                                           size_t (*sink)(char *, size_t, size_t, void *)) {
  return curl_easy_setopt(handle, option, sink);
}
/// Sets the function that gives the body's bytes.
static inline CURLcode emeth_curl_set_source(CURL *handle, size_t (*source)(char *, size_t, size_t, void *)) {
  return curl_easy_setopt(handle, CURLOPT_READFUNCTION, source);
}
/// Sets the function that goes back in the body's bytes, for a request that has to be sent again.
static inline CURLcode emeth_curl_set_seek(CURL *handle, int (*seek)(void *, curl_off_t, int)) {
  return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, seek);
}
/// Sets the function that is called several times a second, and ends the transfer when it returns non-zero.
static inline CURLcode emeth_curl_set_progress(CURL *handle, int (*progress)(void *, curl_off_t, curl_off_t,
                                                                             curl_off_t, curl_off_t)) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
}
/// Reads a figure of the last transfer that is a long.
static inline CURLcode emeth_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}
#endif
