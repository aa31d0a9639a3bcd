// NVRTC, the compiler of CUDA C++: own declarations of what is used of it.
#include <stdlib.h>

#include "library.h"

typedef int nvrtc_result;
typedef struct nvrtc_program nvrtc_program;
#define NVRTC_SUCCESS 0

struct emeth_nvrtc {
  nvrtc_result (*version)(int* major, int* minor);
  const char* (*error_text)(nvrtc_result result);
  nvrtc_result (*create_program)(nvrtc_program** out, const char* text, const char* name, int header_count,
                                 const char* const* headers, const char* const* header_names);
  nvrtc_result (*destroy_program)(nvrtc_program** program);
  nvrtc_result (*compile_program)(nvrtc_program* program, int option_count, const char* const* options);
  nvrtc_result (*code_bytes)(nvrtc_program* program, size_t* out);
  nvrtc_result (*code)(nvrtc_program* program, char* out);
  nvrtc_result (*log_bytes)(nvrtc_program* program, size_t* out);
  nvrtc_result (*log)(nvrtc_program* program, char* out);
};

emeth_status emeth_nvrtc_open(emeth_nvrtc** out, const char* path, int* major, int* minor, char* message) {
  *out = NULL;
  emeth_nvrtc* nvrtc = calloc(1, sizeof *nvrtc);
  if (!nvrtc) return EMETH_NO_MEMORY;
  const emeth_library_function functions[] = {
      {"nvrtcVersion", &nvrtc->version, false},
      {"nvrtcGetErrorString", &nvrtc->error_text, false},
      {"nvrtcCreateProgram", &nvrtc->create_program, false},
      {"nvrtcDestroyProgram", &nvrtc->destroy_program, false},
      {"nvrtcCompileProgram", &nvrtc->compile_program, false},
      {"nvrtcGetCUBINSize", &nvrtc->code_bytes, false},
      {"nvrtcGetCUBIN", &nvrtc->code, false},
      {"nvrtcGetProgramLogSize", &nvrtc->log_bytes, false},
      {"nvrtcGetProgramLog", &nvrtc->log, false},
  };
  emeth_status status = emeth_library_open(path, functions, sizeof functions / sizeof *functions, message);
  if (status == EMETH_OK) {
    const nvrtc_result result = nvrtc->version(major, minor);
    if (result != NVRTC_SUCCESS) {
      emeth_say(message, "nvrtcVersion: %s", nvrtc->error_text(result));
      status = EMETH_DEVICE_FAILED;
    }
  }
  if (status == EMETH_OK) {
    *out = nvrtc;
  } else {
    free(nvrtc);
  }
  return status;
}

void emeth_nvrtc_close(emeth_nvrtc* nvrtc) { free(nvrtc); }

// What the compiler said, in memory of its own; NULL where it can't be had.
static char* log_of(const emeth_nvrtc* nvrtc, nvrtc_program* program) {
  size_t bytes = 0;
  if (nvrtc->log_bytes(program, &bytes) != NVRTC_SUCCESS) return NULL;
  char* log = calloc(1, bytes + 1);
  if (log && bytes > 0 && nvrtc->log(program, log) != NVRTC_SUCCESS) log[0] = 0;
  return log;
}

static emeth_status compile(const emeth_nvrtc* nvrtc, nvrtc_program* program, emeth_cuda_code* out,
                            const char* const* options, size_t option_count, char* message) {
  const nvrtc_result compiled = nvrtc->compile_program(program, (int)option_count, options);
  out->log = log_of(nvrtc, program);
  if (!out->log) return EMETH_NO_MEMORY;
  if (compiled != NVRTC_SUCCESS) {
    emeth_say(message, "%s", nvrtc->error_text(compiled));
    return EMETH_COMPILATION_FAILED;
  }
  nvrtc_result result = nvrtc->code_bytes(program, &out->bytes);
  if (result == NVRTC_SUCCESS) {
    out->code = malloc(out->bytes);
    if (!out->code) return EMETH_NO_MEMORY;
    result = nvrtc->code(program, out->code);
  }
  if (result == NVRTC_SUCCESS) return EMETH_OK;
  emeth_say(message, "nvrtcGetCUBIN: %s", nvrtc->error_text(result));
  return EMETH_COMPILATION_FAILED;
}

emeth_status emeth_nvrtc_compile(const emeth_nvrtc* nvrtc, emeth_cuda_code* out, size_t source,
                                 const char* const* options, size_t option_count, char* message) {
  *out = (emeth_cuda_code){NULL, 0, NULL};
  const size_t count = emeth_cuda_source_count();
  const char** texts = malloc(2 * count * sizeof *texts);
  if (!texts) return EMETH_NO_MEMORY;
  const char** names = texts + count;
  int headers = 0;
  for (size_t i = 0; i < count; i++) {
    const emeth_cuda_source header = emeth_cuda_source_at(i);
    if (header.is_program) continue;
    texts[headers] = header.text;
    names[headers++] = header.name;
  }
  const emeth_cuda_source program_source = emeth_cuda_source_at(source);
  nvrtc_program* program = NULL;
  const nvrtc_result created =
      nvrtc->create_program(&program, program_source.text, program_source.name, headers, texts, names);
  free(texts);
  if (created != NVRTC_SUCCESS) {
    emeth_say(message, "nvrtcCreateProgram: %s", nvrtc->error_text(created));
    return EMETH_COMPILATION_FAILED;
  }
  const emeth_status status = compile(nvrtc, program, out, options, option_count, message);
  nvrtc->destroy_program(&program);
  return status;
}

void emeth_cuda_code_free(emeth_cuda_code* code) {
  free(code->code);
  free(code->log);
  *code = (emeth_cuda_code){NULL, 0, NULL};
}
