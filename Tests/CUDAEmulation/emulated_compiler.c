// NVRTC for the emulated device: an ELF header for every program, and the assembler's words for each of its
// kernels.
//   EMULATED_NVRTC_VERSION   13000 by default
//   EMULATED_NVRTC_REFUSES   a program's name that does not compile
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CEmethCompute/cuda/kernels/list.h"

#define FUNCTION __attribute__((visibility("default")))

typedef struct {
  char log[16384];
  char name[64];
} program;

FUNCTION int nvrtcVersion(int* major, int* minor) {
  const char* text = getenv("EMULATED_NVRTC_VERSION");
  const int version = text && *text ? atoi(text) : 13000;
  *major = version / 1000;
  *minor = version % 1000 / 10;
  return 0;
}

FUNCTION const char* nvrtcGetErrorString(int result) {
  return result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR";
}

FUNCTION int nvrtcCreateProgram(program** out, const char* text, const char* name, int header_count,
                                const char* const* headers, const char* const* header_names) {
  (void)headers;
  *out = calloc(1, sizeof **out);
  if (!*out) return 1;
  snprintf((*out)->name, sizeof (*out)->name, "%s", name);
  // What the text includes must be among the headers.
  for (const char* at = text; (at = strstr(at, "#include \""));) {
    at += strlen("#include \"");
    int i = 0;
    while (i < header_count && (strncmp(at, header_names[i], strlen(header_names[i])) ||
                                at[strlen(header_names[i])] != '"'))
      i++;
    if (i == header_count) return 1;
  }
  return 0;
}

FUNCTION int nvrtcDestroyProgram(program** own) {
  free(*own);
  *own = NULL;
  return 0;
}

FUNCTION int nvrtcCompileProgram(program* own, int option_count, const char* const* options) {
  static const struct {
    const char* program;
    const char* kernel;
  } kernels[] = {
#define KERNEL(file, name) {#file ".cu", #name},
      EMETH_CUDA_KERNELS(KERNEL)
#undef KERNEL
  };
  const char* refused = getenv("EMULATED_NVRTC_REFUSES");
  if (refused && strcmp(refused, own->name) == 0) {
    snprintf(own->log, sizeof own->log, "%s(1): error: an emulated one", own->name);
    return 6;
  }
  if (option_count < 1 || strncmp(options[0], "--gpu-architecture=sm_", 22)) return 5;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    if (strcmp(kernels[i].program, own->name)) continue;
    const size_t used = strlen(own->log);
    snprintf(own->log + used, sizeof own->log - used,
             "ptxas info    : Compiling entry function '%s' for '%s'\n"
             "ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
             "ptxas info    : Used 32 registers, used 1 barriers\n",
             kernels[i].kernel, options[0] + strlen("--gpu-architecture="));
  }
  return 0;
}

FUNCTION int nvrtcGetCUBINSize(program* own, size_t* out) {
  (void)own;
  *out = 64;
  return 0;
}
FUNCTION int nvrtcGetCUBIN(program* own, char* out) {
  (void)own;
  memset(out, 0, 64);
  memcpy(out, "\177ELF", 4);
  return 0;
}
FUNCTION int nvrtcGetProgramLogSize(program* own, size_t* out) {
  *out = strlen(own->log) + 1;
  return 0;
}
FUNCTION int nvrtcGetProgramLog(program* own, char* out) {
  strcpy(out, own->log);
  return 0;
}
