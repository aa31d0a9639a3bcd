// Shared libraries that are opened at run time.
#ifndef EMETH_CUDA_LIBRARY_H
#define EMETH_CUDA_LIBRARY_H

#include "../include/emeth_cuda.h"

// Writes one line, as printf does, cut where it is too long.
__attribute__((format(printf, 2, 3))) void emeth_say(char* message, const char* format, ...);

// A function of a library and where its address goes.
typedef struct {
  const char* name;
  void* address;  // of a pointer to a function
  bool optional;  // left as it is where the library lacks it
} emeth_library_function;

// Opens a library for good and fills in the addresses: EMETH_OK or EMETH_NOT_AVAILABLE.
emeth_status emeth_library_open(const char* path, const emeth_library_function* functions, size_t count,
                                char* message);

#endif
