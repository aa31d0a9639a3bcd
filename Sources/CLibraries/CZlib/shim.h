// zlib: the compressed bytes and the check sums of zip archives.
#ifndef EMETH_CZLIB_SHIM_H
#define EMETH_CZLIB_SHIM_H
#include <zlib.h>

/// Begins to decompress bytes without a header of their own (RFC 1951), as zip archives have them: inflateInit2 is a
/// macro, which Swift can't call.
static inline int emeth_zlib_begin(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }
#endif
