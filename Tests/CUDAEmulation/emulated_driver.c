// libcuda on the emulated device: the functions of the driver that the library calls, so that everything
// above it runs on a machine without a GPU. What is to go wrong is said by environment variables, read by
// cuInit the first time:
//   EMULATED_CUDA_VERSION   what cuDriverGetVersion says, 13000 by default
//   EMULATED_CUDA_INIT      the error of cuInit
//   EMULATED_CUDA_DEVICES   number of devices, 2 by default, at most 8
//   EMULATED_CUDA_MEMORY    bytes of a device, 128 MiB by default
//   EMULATED_CUDA_NO_GRAPHS  nothing can be captured
//   EMULATED_CUDA_LOST      after so many of its kernels all calls fail, as when the GPU falls off the bus
//   EMULATED_CUDA_LOST_DEVICE  the device that is lost, 0 by default
//   EMULATED_CUDA_RETURNS   it works again, once, when nobody holds its context any more
//   EMULATED_CUDA_OTHERS    bytes that another process takes when this one has taken some
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../Sources/CEmethCompute/cuda/driver.h"
#include "device.h"

enum { INVALID_VALUE = 1, INVALID_DEVICE = 101, INVALID_HANDLE = 400, NOT_FOUND = 500, LAUNCH_FAILED = 719 };
enum { LARGEST_DEVICE_COUNT = 8 };

#define FUNCTION __attribute__((visibility("default")))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static size_t all_bytes = (size_t)128 << 20, others_bytes;
// A device's one context.
struct cu_context {
  long kernels_until_lost, holders;
  bool is_lost;
  size_t used_bytes;
};
static cu_context contexts[LARGEST_DEVICE_COUNT];
static _Thread_local cu_context* current;
static struct {
  cu_pointer memory;
  size_t bytes;
  cu_context* owner;
} blocks[4096];

static long number(const char* variable, long absent) {
  const char* text = getenv(variable);
  return text && *text ? strtol(text, NULL, 10) : absent;
}

// A node of a graph: a kernel with its arguments, or bytes to set.
typedef struct {
  emeth_cuda_kernel kernel;
  emeth_cuda_size grid, block;
  size_t shared_bytes;
  char arguments[512];
  size_t offsets[24];
  unsigned count;
  void (*host)(const void* data);  // work of a library on the host, with `arguments`
  bool is_fill;
  cu_pointer memory;
  unsigned char value;
  size_t bytes;
} node;
struct cu_graph {
  node* nodes;
  size_t count;
};
struct cu_graph_exec {
  cu_graph graph;
};
// What a stream captures; NULL while it does not.
struct cu_stream {
  cu_graph* captured;
  cu_context* context;
  bool is_stuck;  // something in it waits for another device, and may wait for ever
};
static long graphs_launched, graphs, kernels_queued, waits;

static node* new_node(cu_graph* captured) {
  node* nodes = realloc(captured->nodes, (captured->count + 1) * sizeof *nodes);
  if (!nodes) return NULL;
  captured->nodes = nodes;
  nodes[captured->count] = (node){0};
  return &nodes[captured->count++];
}

// The status of a call to a device, which is LAUNCH_FAILED once it is lost.
static cu_result status_of(const cu_context* context, cu_result result) {
  return context && context->is_lost ? LAUNCH_FAILED : result;
}
static cu_result status(cu_result result) { return status_of(current, result); }

static long device_count(void) {
  const long count = number("EMULATED_CUDA_DEVICES", 2);
  return count < LARGEST_DEVICE_COUNT ? count : LARGEST_DEVICE_COUNT;
}

FUNCTION cu_result cuInit(unsigned flags) {
  (void)flags;
  // Called for every device that is opened; kernels are counted from the first time on.
  static bool is_known;
  pthread_mutex_lock(&mutex);
  const long lost = number("EMULATED_CUDA_LOST_DEVICE", 0);
  for (long i = 0; i < LARGEST_DEVICE_COUNT && !is_known; i++)
    contexts[i].kernels_until_lost = i == lost ? number("EMULATED_CUDA_LOST", -1) : -1;
  is_known = true;
  pthread_mutex_unlock(&mutex);
  all_bytes = (size_t)number("EMULATED_CUDA_MEMORY", (long)all_bytes);
  others_bytes = (size_t)number("EMULATED_CUDA_OTHERS", 0);
  return (cu_result)number("EMULATED_CUDA_INIT", CU_SUCCESS);
}

FUNCTION cu_result cuDriverGetVersion(int* out) {
  *out = (int)number("EMULATED_CUDA_VERSION", 13000);
  return CU_SUCCESS;
}

FUNCTION cu_result cuGetErrorName(cu_result result, const char** out) {
  switch (result) {
    case INVALID_VALUE: *out = "CUDA_ERROR_INVALID_VALUE"; break;
    case CU_ERROR_OUT_OF_MEMORY: *out = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case 100: *out = "CUDA_ERROR_NO_DEVICE"; break;
    case LAUNCH_FAILED: *out = "CUDA_ERROR_LAUNCH_FAILED"; break;
    default: *out = NULL; return INVALID_VALUE;
  }
  return CU_SUCCESS;
}

FUNCTION cu_result cuGetErrorString(cu_result result, const char** out) {
  *out = "an emulated error";
  return result == CU_SUCCESS ? INVALID_VALUE : CU_SUCCESS;
}

FUNCTION cu_result cuDeviceGetCount(int* out) {
  *out = (int)device_count();
  return CU_SUCCESS;
}

FUNCTION cu_result cuDeviceGet(cu_device* out, int ordinal) {
  *out = ordinal;
  return ordinal >= 0 && ordinal < device_count() ? CU_SUCCESS : INVALID_DEVICE;
}

FUNCTION cu_result cuDeviceGetName(char* out, int bytes, cu_device device) {
  snprintf(out, (size_t)bytes, "Emulated GPU %d", device);
  return CU_SUCCESS;
}

FUNCTION cu_result cuDeviceGetAttribute(int* out, int attribute, cu_device device) {
  (void)device;
  switch (attribute) {
    case CU_DEVICE_MULTIPROCESSORS: *out = (int)emulated_launcher.multiprocessors; break;
    case CU_DEVICE_MAJOR: *out = 9; break;
    case CU_DEVICE_MINOR: *out = 0; break;
    case CU_DEVICE_MANAGED_MEMORY: *out = 1; break;
    case CU_DEVICE_LARGEST_SHARED_BYTES: *out = (int)emulated_launcher.largest_shared_bytes; break;
    default: return INVALID_VALUE;
  }
  return CU_SUCCESS;
}

FUNCTION cu_result cuDeviceTotalMem_v2(size_t* out, cu_device device) {
  (void)device;
  *out = all_bytes;
  return CU_SUCCESS;
}

FUNCTION cu_result cuDevicePrimaryCtxRetain(cu_context** out, cu_device device) {
  cu_context* context = &contexts[device];
  *out = context;
  pthread_mutex_lock(&mutex);
  const cu_result result = status_of(context, CU_SUCCESS);
  if (result == CU_SUCCESS) context->holders++;
  pthread_mutex_unlock(&mutex);
  return result;
}
// With a context goes all that it has.
FUNCTION cu_result cuDevicePrimaryCtxRelease_v2(cu_device device) {
  cu_context* context = &contexts[device];
  pthread_mutex_lock(&mutex);
  if (--context->holders == 0 && context->is_lost && getenv("EMULATED_CUDA_RETURNS")) {
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
      if (!blocks[i].memory || blocks[i].owner != context) continue;
      emulated_free((void*)(uintptr_t)blocks[i].memory);
      blocks[i].memory = 0;
    }
    *context = (cu_context){.kernels_until_lost = -1};
  }
  const cu_result result = status_of(context, CU_SUCCESS);
  pthread_mutex_unlock(&mutex);
  return result;
}
FUNCTION cu_result cuCtxSetCurrent(cu_context* context) {
  current = context;
  return status(context ? CU_SUCCESS : INVALID_VALUE);
}

// Machine code is an ELF file; what is in it the emulator has already.
FUNCTION cu_result cuModuleLoadData(cu_module** out, const void* code) {
  *out = (cu_module*)(uintptr_t)code;
  return status(memcmp(code, "\177ELF", 4) == 0 ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuModuleUnload(cu_module* module) { return status(module ? CU_SUCCESS : INVALID_VALUE); }

// The number of a kernel, counted from 1, stands for it.
FUNCTION cu_result cuModuleGetFunction(cu_function** out, cu_module* module, const char* name) {
  static const char* const names[] = {
#define NAME(file, name) #name,
      EMETH_CUDA_KERNELS(NAME)
#undef NAME
  };
  (void)module;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) == 0) {
      *out = (cu_function*)(i + 1);
      return status(CU_SUCCESS);
    }
  }
  return NOT_FOUND;
}
FUNCTION cu_result cuFuncGetAttribute(int* out, int attribute, cu_function* function) {
  *out = 0;
  return status(attribute == CU_FUNCTION_SHARED_BYTES && function ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuFuncSetAttribute(cu_function* function, int attribute, int value) {
  const bool fits = value >= 0 && (uint32_t)value <= emulated_launcher.largest_shared_bytes;
  const bool is_known = function && attribute == CU_FUNCTION_LARGEST_DYNAMIC_SHARED_BYTES;
  return status(is_known && fits ? CU_SUCCESS : INVALID_VALUE);
}

static size_t unused_bytes(void) {
  const size_t used_bytes = current ? current->used_bytes : 0;
  const size_t taken = used_bytes + (used_bytes ? others_bytes : 0);
  return taken < all_bytes ? all_bytes - taken : 0;
}

FUNCTION cu_result cuMemGetInfo_v2(size_t* free_bytes, size_t* all) {
  pthread_mutex_lock(&mutex);
  *free_bytes = unused_bytes();
  *all = all_bytes;
  pthread_mutex_unlock(&mutex);
  return status(CU_SUCCESS);
}

static cu_result allocate(cu_pointer* out, size_t bytes) {
  size_t place = 0;
  while (place < sizeof blocks / sizeof *blocks && blocks[place].memory) place++;
  if (bytes == 0 || !current || place == sizeof blocks / sizeof *blocks) return INVALID_VALUE;
  if (bytes > unused_bytes()) return CU_ERROR_OUT_OF_MEMORY;
  void* memory = emulated_allocate(bytes);
  if (!memory) return CU_ERROR_OUT_OF_MEMORY;
  blocks[place].memory = *out = (cu_pointer)(uintptr_t)memory;
  blocks[place].bytes = bytes;
  blocks[place].owner = current;
  current->used_bytes += bytes;
  return CU_SUCCESS;
}
FUNCTION cu_result cuMemAlloc_v2(cu_pointer* out, size_t bytes) {
  pthread_mutex_lock(&mutex);
  const cu_result result = status(CU_SUCCESS) == CU_SUCCESS ? allocate(out, bytes) : LAUNCH_FAILED;
  pthread_mutex_unlock(&mutex);
  return result;
}
FUNCTION cu_result cuMemAllocManaged(cu_pointer* out, size_t bytes, unsigned flags) {
  return flags == CU_MEMORY_ATTACH_GLOBAL ? cuMemAlloc_v2(out, bytes) : INVALID_VALUE;
}
FUNCTION cu_result cuMemFree_v2(cu_pointer memory) {
  cu_result result = INVALID_VALUE;
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    if (!memory || blocks[i].memory != memory) continue;
    emulated_free((void*)(uintptr_t)memory);
    blocks[i].owner->used_bytes -= blocks[i].bytes;
    blocks[i].memory = 0;
    result = CU_SUCCESS;
  }
  pthread_mutex_unlock(&mutex);
  return status(result);
}

// Whether all of it lies in one block, of that device or of any.
static bool is_own(const cu_context* owner, cu_pointer memory, size_t bytes) {
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    if (blocks[i].memory && memory >= blocks[i].memory &&
        memory + bytes <= blocks[i].memory + blocks[i].bytes)
      return !owner || blocks[i].owner == owner;
  }
  return false;
}
FUNCTION cu_result cuMemsetD8Async(cu_pointer memory, unsigned char value, size_t count, cu_stream* stream) {
  pthread_mutex_lock(&mutex);
  const bool fits = is_own(stream->context, memory, count);
  if (fits && stream->captured) {
    node* own = new_node(stream->captured);
    if (own) *own = (node){.is_fill = true, .memory = memory, .value = value, .bytes = count};
  } else if (fits) {
    memset((void*)(uintptr_t)memory, value, count);
  }
  pthread_mutex_unlock(&mutex);
  return status(fits ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuMemcpyHtoDAsync_v2(cu_pointer device, const void* host, size_t bytes, cu_stream* stream) {
  pthread_mutex_lock(&mutex);
  // What a capture may not have.
  const bool fits = is_own(stream->context, device, bytes) && !stream->captured;
  if (fits) memcpy((void*)(uintptr_t)device, host, bytes);
  pthread_mutex_unlock(&mutex);
  return status(fits ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuMemcpyDtoHAsync_v2(void* host, cu_pointer device, size_t bytes, cu_stream* stream) {
  pthread_mutex_lock(&mutex);
  // What a capture may not have.
  const bool fits = is_own(stream->context, device, bytes) && !stream->captured;
  if (fits) memcpy(host, (const void*)(uintptr_t)device, bytes);
  pthread_mutex_unlock(&mutex);
  return status(fits ? CU_SUCCESS : INVALID_VALUE);
}

FUNCTION cu_result cuStreamCreate(cu_stream** out, unsigned flags) {
  *out = calloc(1, sizeof **out);
  if (*out) (*out)->context = current;
  return status(*out && current && flags == CU_STREAM_NON_BLOCKING ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuStreamDestroy_v2(cu_stream* stream) {
  free(stream);
  return status(CU_SUCCESS);
}
FUNCTION cu_result cuStreamSynchronize(cu_stream* stream) {
  pthread_mutex_lock(&mutex);
  waits++;
  pthread_mutex_unlock(&mutex);
  if (stream && stream->is_stuck) {
    fprintf(stderr, "emulated driver: a stream is waited for that waits for another device\n");
    _exit(EMULATED_ERROR);
  }
  return status_of(stream ? stream->context : NULL, stream && !stream->captured ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuStreamQuery(cu_stream* stream) {
  if (!stream || stream->captured) return INVALID_VALUE;
  return status_of(stream->context, stream->is_stuck ? CU_ERROR_NOT_READY : CU_SUCCESS);
}

FUNCTION cu_result cuStreamBeginCapture_v2(cu_stream* stream, int mode) {
  if (!stream || mode != CU_CAPTURE_THREAD_LOCAL || stream->captured || getenv("EMULATED_CUDA_NO_GRAPHS"))
    return status(INVALID_VALUE);
  stream->captured = calloc(1, sizeof *stream->captured);
  return status(stream->captured ? CU_SUCCESS : CU_ERROR_OUT_OF_MEMORY);
}
FUNCTION cu_result cuStreamEndCapture(cu_stream* stream, cu_graph** out) {
  *out = stream->captured;
  stream->captured = NULL;
  graphs++;
  return status(*out ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuGraphInstantiateWithFlags(cu_graph_exec** out, cu_graph* graph, unsigned long long flags) {
  *out = calloc(1, sizeof **out);
  if (!*out) return CU_ERROR_OUT_OF_MEMORY;
  const size_t bytes = graph->count * sizeof *graph->nodes;
  (*out)->graph = (cu_graph){malloc(bytes + 1), graph->count};
  if (bytes) memcpy((*out)->graph.nodes, graph->nodes, bytes);
  graphs++;
  return status(flags == 0 ? CU_SUCCESS : INVALID_VALUE);
}
FUNCTION cu_result cuGraphDestroy(cu_graph* graph) {
  free(graph->nodes);
  free(graph);
  graphs--;
  return status(CU_SUCCESS);
}
FUNCTION cu_result cuGraphExecDestroy(cu_graph_exec* graph) {
  free(graph->graph.nodes);
  free(graph);
  graphs--;
  return status(CU_SUCCESS);
}

// For tests: graphs that ran so far, and those that are there.
FUNCTION long emulated_graph_launches(void) { return graphs_launched; }
FUNCTION long emulated_graph_count(void) { return graphs; }
// And kernels that were queued one by one, and how often anybody waited for a stream.
FUNCTION long emulated_kernel_count(void) { return kernels_queued; }
FUNCTION long emulated_wait_count(void) { return waits; }

static cu_result run(cu_context* context, const node* own) {
  if (own->host) {
    if (!context->is_lost) own->host(own->arguments);
    return CU_SUCCESS;
  }
  // As on a GPU the call itself succeeds.
  if (context->kernels_until_lost == 0) context->is_lost = true;
  if (context->is_lost) return CU_SUCCESS;
  if (context->kernels_until_lost > 0) context->kernels_until_lost--;
  void* arguments[24];
  for (unsigned i = 0; i < own->count; i++) arguments[i] = (void*)(own->arguments + own->offsets[i]);
  const emeth_status done = emulated_launcher.launch(emulated_launcher.context, own->kernel, own->grid,
                                                     own->block, own->shared_bytes, arguments);
  return done == EMETH_OK ? CU_SUCCESS : INVALID_VALUE;
}

FUNCTION cu_result cuGraphLaunch(cu_graph_exec* graph, cu_stream* stream) {
  if (!stream || stream->captured) return INVALID_VALUE;
  pthread_mutex_lock(&mutex);
  graphs_launched++;
  cu_result result = CU_SUCCESS;
  for (size_t i = 0; i < graph->graph.count && result == CU_SUCCESS; i++) {
    const node* own = &graph->graph.nodes[i];
    if (own->is_fill) {
      if (is_own(stream->context, own->memory, own->bytes)) memset((void*)(uintptr_t)own->memory, own->value, own->bytes);
      else result = INVALID_VALUE;
    } else {
      result = run(stream->context, own);
    }
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

static cu_result queue(cu_stream* stream, const node* own) {
  pthread_mutex_lock(&mutex);
  cu_result result = CU_SUCCESS;
  if (stream->captured) {
    node* place = new_node(stream->captured);
    if (place) *place = *own;
    else result = CU_ERROR_OUT_OF_MEMORY;
  } else {
    kernels_queued++;
    result = run(stream->context, own);
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

// For libraries that emulate others of NVIDIA's: work in the stream's order, with a copy of its data.
FUNCTION cu_result emulated_queue(cu_stream* stream, void (*host)(const void* data), const void* data, size_t bytes) {
  node own = {.host = host};
  if (bytes > sizeof own.arguments) return INVALID_VALUE;
  memcpy(own.arguments, data, bytes);
  return queue(stream, &own);
}
// Whether all of it is memory of the device.
FUNCTION bool emulated_is_device_memory(const void* memory, size_t bytes) {
  pthread_mutex_lock(&mutex);
  const bool found = is_own(NULL, (cu_pointer)(uintptr_t)memory, bytes);
  pthread_mutex_unlock(&mutex);
  return found;
}
// Whether all of it is memory of the stream's device, which has this number.
FUNCTION bool emulated_stream_holds(const cu_stream* stream, int device, const void* memory, size_t bytes) {
  pthread_mutex_lock(&mutex);
  const bool found = is_own(stream->context, (cu_pointer)(uintptr_t)memory, bytes);
  pthread_mutex_unlock(&mutex);
  return found && stream->context == &contexts[device];
}
FUNCTION bool emulated_stream_is_lost(const cu_stream* stream) { return stream->context->is_lost; }
// From now on the stream is never done, or is again.
FUNCTION void emulated_stick(cu_stream* stream, bool is_stuck) { stream->is_stuck = is_stuck; }

FUNCTION cu_result cuLaunchKernel(cu_function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                  cu_stream* stream, void** arguments, void** extra) {
  if (!function || !stream || extra) return INVALID_VALUE;
  if (stream->context != current) return INVALID_HANDLE;
  // Arguments are copied now, whenever the kernel runs.
  node own = {.kernel = (emeth_cuda_kernel)((uintptr_t)function - 1),
              .grid = {grid_x, grid_y, grid_z},
              .block = {block_x, block_y, block_z},
              .shared_bytes = shared_bytes};
  size_t used = 0;
  // Text of kernels, too, is asked for them: while another thread runs one nobody else may be in there.
  pthread_mutex_lock(&mutex);
  // Pages of another device's memory would be moved to and fro.
  bool fits = true;
  for (size_t bytes; fits && (bytes = emulated_argument_bytes(own.kernel, own.count)) > 0; own.count++) {
    used = (used + 15) / 16 * 16;
    fits = own.count < 23 && used + bytes <= sizeof own.arguments;
    if (!fits) break;
    own.offsets[own.count] = used;
    memcpy(own.arguments + used, arguments[own.count], bytes);
    for (size_t at = 0; at + sizeof(cu_pointer) <= bytes; at += sizeof(cu_pointer)) {
      cu_pointer word;
      memcpy(&word, own.arguments + used + at, sizeof word);
      fits = fits && (!is_own(NULL, word, 1) || is_own(current, word, 1));
    }
    used += bytes;
  }
  pthread_mutex_unlock(&mutex);
  return fits ? queue(stream, &own) : INVALID_VALUE;
}
