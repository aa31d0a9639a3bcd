// A CUDA device: its context, the kernels loaded into it, memory that the host shares, and the launcher of
// the driver.
#include "cuda_device.h"

#include <stdlib.h>
#include <string.h>

#include "cublas.h"
#include "driver.h"
#include "library.h"

typedef struct {
  uintptr_t start;
  size_t bytes;
} memory_block;

typedef struct {
  cu_pointer memory;
  size_t bytes;
} scratch_slot;

struct emeth_cuda {
  const emeth_cuda_driver* driver;
  cu_device device;
  cu_context* context;
  cu_stream* stream;
  cu_module** modules;  // of each source, NULL for none
  cu_function* functions[EMETH_KERNEL_COUNT];
  size_t static_shared_bytes[EMETH_KERNEL_COUNT];
  size_t allowed_shared_bytes[EMETH_KERNEL_COUNT];  // dynamic ones
  emeth_cublas_products* products;  // NULL for its own
  scratch_slot scratch[EMETH_CUDA_SCRATCH_SLOTS];
  uint64_t scratch_moves;  // how often scratch memory became other memory
  // While operations are noted for a recording they run nowhere; what can't be noted makes it none.
  bool is_recording, is_refused;
  memory_block* blocks;  // in the order of their addresses
  size_t block_count, block_space;
  emeth_cuda_launcher launcher;
  emeth_status failure;
  char message[EMETH_MESSAGE_BYTES];
};

// What every kernel may use without asking.
#define PLAIN_SHARED_BYTES (48 << 10)

static emeth_status refusal(emeth_cuda* cuda, const char* call, cu_result result) {
  // Only the first failure is told: the others follow from it.
  if (cuda->failure != EMETH_OK) return cuda->failure;
  return emeth_cuda_refusal(cuda->driver, call, result, cuda->message);
}

static emeth_status launch(void* context, emeth_cuda_kernel kernel, emeth_cuda_size grid, emeth_cuda_size block,
                           size_t shared_bytes, void** arguments) {
  emeth_cuda* cuda = context;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  const emeth_cuda_driver* driver = cuda->driver;
  const char* name = emeth_cuda_kernel_at(kernel).name;
  const size_t all = shared_bytes + cuda->static_shared_bytes[kernel];
  if (all > PLAIN_SHARED_BYTES && shared_bytes > cuda->allowed_shared_bytes[kernel]) {
    const cu_result result = driver->set_function_attribute(
        cuda->functions[kernel], CU_FUNCTION_LARGEST_DYNAMIC_SHARED_BYTES, (int)shared_bytes);
    if (result != CU_SUCCESS) return refusal(cuda, name, result);
    cuda->allowed_shared_bytes[kernel] = shared_bytes;
  }
  const cu_result result =
      driver->launch(cuda->functions[kernel], grid.x, grid.y, grid.z, block.x, block.y, block.z,
                     (unsigned)shared_bytes, cuda->stream, arguments, NULL);
  return result == CU_SUCCESS ? EMETH_OK : refusal(cuda, name, result);
}

static emeth_status scratch(void* context, void** out, size_t slot, size_t bytes) {
  emeth_cuda* cuda = context;
  *out = NULL;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  scratch_slot* own = &cuda->scratch[slot];
  if (bytes > own->bytes) {
    // What is noted already may use the memory that there is.
    if (cuda->is_recording) return EMETH_NOT_AVAILABLE;
    cuda->scratch_moves++;
    if (own->memory) {
      // Kernels that use it may still be queued.
      cu_result result = cuda->driver->synchronize(cuda->stream);
      if (result == CU_SUCCESS) result = cuda->driver->release(own->memory);
      *own = (scratch_slot){0, 0};
      if (result != CU_SUCCESS) return refusal(cuda, "cuMemFree", result);
    }
    const cu_result result = cuda->driver->allocate(&own->memory, bytes);
    if (result != CU_SUCCESS) {
      own->memory = 0;
      return refusal(cuda, "cuMemAlloc", result);
    }
    own->bytes = bytes;
  }
  *out = (void*)(uintptr_t)own->memory;
  return EMETH_OK;
}

static emeth_status synchronize(void* context) {
  emeth_cuda* cuda = context;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  if (cuda->is_recording) return EMETH_NOT_AVAILABLE;
  const cu_result result = cuda->driver->synchronize(cuda->stream);
  return result == CU_SUCCESS ? EMETH_OK : refusal(cuda, "cuStreamSynchronize", result);
}

static emeth_status copy_in(void* context, void* device, const void* host, size_t bytes) {
  emeth_cuda* cuda = context;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  // The host's memory is another's when the recording runs.
  if (cuda->is_recording) return EMETH_NOT_AVAILABLE;
  const cu_result result = cuda->driver->copy_in((cu_pointer)(uintptr_t)device, host, bytes, cuda->stream);
  return result == CU_SUCCESS ? EMETH_OK : refusal(cuda, "cuMemcpyHtoDAsync", result);
}

static emeth_status copy_out(void* context, void* host, const void* device, size_t bytes) {
  emeth_cuda* cuda = context;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  if (cuda->is_recording) return EMETH_NOT_AVAILABLE;
  const cu_result result = cuda->driver->copy_out(host, (cu_pointer)(uintptr_t)device, bytes, cuda->stream);
  if (result != CU_SUCCESS) return refusal(cuda, "cuMemcpyDtoHAsync", result);
  return synchronize(cuda);
}

static emeth_status fill(void* context, void* device, uint8_t value, size_t bytes) {
  emeth_cuda* cuda = context;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  const cu_result result = cuda->driver->fill((cu_pointer)(uintptr_t)device, value, bytes, cuda->stream);
  return result == CU_SUCCESS ? EMETH_OK : refusal(cuda, "cuMemsetD8Async", result);
}

const emeth_cuda_launcher* emeth_cuda_begin(emeth_cuda* cuda) {
  if (cuda->failure == EMETH_OK) {
    const cu_result result = cuda->driver->set_context(cuda->context);
    if (result != CU_SUCCESS) cuda->failure = refusal(cuda, "cuCtxSetCurrent", result);
  }
  return &cuda->launcher;
}

emeth_status emeth_cuda_finish(emeth_cuda* cuda, emeth_status status) {
  if (cuda->is_recording) {
    if (status != EMETH_OK) cuda->is_refused = true;
    return EMETH_OK;
  }
  if (status == EMETH_OK) status = synchronize(cuda);
  if (status != EMETH_OK && cuda->failure == EMETH_OK) {
    cuda->failure = status;
    if (!cuda->message[0]) emeth_say(cuda->message, "an operation failed with status %d", (int)status);
  }
  return cuda->failure;
}

// The first block that ends behind the address.
static size_t block_after(const emeth_cuda* cuda, uintptr_t address) {
  size_t low = 0, high = cuda->block_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (cuda->blocks[middle].start + cuda->blocks[middle].bytes <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool emeth_cuda_holds(const emeth_cuda* cuda, const void* const* arrays, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uintptr_t address = (uintptr_t)arrays[i];
    if (!address) continue;
    const size_t block = block_after(cuda, address);
    if (block == cuda->block_count || cuda->blocks[block].start > address) return false;
  }
  return true;
}

// Scratch slots of products: a, b, and what the library takes for itself (matmul.c).
#define WORKSPACE_SLOT 4

static emeth_status multiply(void* context, const emeth_matmul_arguments* arguments, const void* a,
                             const void* b) {
  emeth_cuda* cuda = context;
  void* workspace;
  const emeth_status status = scratch(context, &workspace, WORKSPACE_SLOT, EMETH_CUBLAS_WORKSPACE_BYTES);
  if (status != EMETH_OK) return status;
  return emeth_cublas_multiply(cuda->products, cuda->stream, arguments, a, b, workspace, cuda->message);
}

emeth_status emeth_cuda_use_cublas(emeth_cuda* cuda, const emeth_cublas* library, char* message) {
  emeth_cuda_begin(cuda);
  if (cuda->failure != EMETH_OK) return cuda->failure;
  const emeth_status status = emeth_cublas_create(&cuda->products, library, message);
  if (status == EMETH_OK) cuda->launcher.multiply = multiply;
  return status;
}

static bool holds(void* context, const void* memory) {
  return memory && emeth_cuda_holds(context, &memory, 1);
}

// Zeros in memory that the host sees too. `bytes` is not 0.
static cu_result new_memory(emeth_cuda* cuda, cu_pointer* out, size_t bytes) {
  const emeth_cuda_driver* driver = cuda->driver;
  *out = 0;
  cu_result result = driver->set_context(cuda->context);
  if (result != CU_SUCCESS) return result;
  // The driver would give more than the GPU has and then move pages to and fro.
  size_t free_bytes = 0, all_bytes = 0;
  result = driver->memory(&free_bytes, &all_bytes);
  if (result != CU_SUCCESS) return result;
  if (bytes > free_bytes) return CU_ERROR_OUT_OF_MEMORY;
  result = driver->allocate_managed(out, bytes, CU_MEMORY_ATTACH_GLOBAL);
  if (result != CU_SUCCESS) {
    *out = 0;
    return result;
  }
  // Pages that the host has read go back to the GPU. Where the system can't be told so, it is only slower.
  if (driver->advise) driver->advise(*out, bytes, CU_ADVISE_PREFERRED_LOCATION, cuda->device);
  result = driver->fill(*out, 0, bytes, cuda->stream);
  if (result == CU_SUCCESS) result = driver->synchronize(cuda->stream);
  return result;
}

emeth_status emeth_cuda_allocate(emeth_cuda* cuda, void** out, size_t bytes) {
  *out = NULL;
  if (cuda->failure != EMETH_OK) return cuda->failure;
  if (cuda->block_count == cuda->block_space) {
    const size_t space = 2 * cuda->block_space + 16;
    memory_block* blocks = realloc(cuda->blocks, space * sizeof *blocks);
    if (!blocks) return EMETH_NO_MEMORY;
    cuda->blocks = blocks;
    cuda->block_space = space;
  }
  bytes = bytes ? bytes : 1;
  cu_pointer memory = 0;
  const cu_result result = new_memory(cuda, &memory, bytes);
  if (result != CU_SUCCESS) {
    if (memory) cuda->driver->release(memory);
    // Too little memory is no failure of the device: less may fit.
    if (result == CU_ERROR_OUT_OF_MEMORY) return EMETH_NO_MEMORY;
    return emeth_cuda_finish(cuda, refusal(cuda, "cuMemAllocManaged", result));
  }
  const size_t at = block_after(cuda, (uintptr_t)memory);
  memmove(&cuda->blocks[at + 1], &cuda->blocks[at], (cuda->block_count - at) * sizeof *cuda->blocks);
  cuda->blocks[at] = (memory_block){(uintptr_t)memory, bytes};
  cuda->block_count++;
  *out = (void*)(uintptr_t)memory;
  return EMETH_OK;
}

void emeth_cuda_release(emeth_cuda* cuda, void* memory) {
  const uintptr_t address = (uintptr_t)memory;
  const size_t at = block_after(cuda, address);
  if (at == cuda->block_count || cuda->blocks[at].start != address) return;
  cuda->block_count--;
  memmove(&cuda->blocks[at], &cuda->blocks[at + 1], (cuda->block_count - at) * sizeof *cuda->blocks);
  if (cuda->driver->set_context(cuda->context) == CU_SUCCESS) cuda->driver->release((cu_pointer)address);
}

emeth_status emeth_cuda_memory(emeth_cuda* cuda, uint64_t* free_bytes, uint64_t* all_bytes) {
  *free_bytes = 0;
  *all_bytes = 0;
  emeth_cuda_begin(cuda);
  if (cuda->failure != EMETH_OK) return cuda->failure;
  size_t unused = 0, all = 0;
  const cu_result result = cuda->driver->memory(&unused, &all);
  if (result != CU_SUCCESS) return emeth_cuda_finish(cuda, refusal(cuda, "cuMemGetInfo", result));
  *free_bytes = unused;
  *all_bytes = all;
  return EMETH_OK;
}

int emeth_cuda_ordinal(const emeth_cuda* cuda) { return cuda->device; }

cu_stream* emeth_cuda_stream(const emeth_cuda* cuda) { return cuda->stream; }

emeth_status emeth_cuda_poll(emeth_cuda* cuda, char* message) {
  emeth_cuda_begin(cuda);
  if (cuda->failure == EMETH_OK) {
    const cu_result result = cuda->driver->query(cuda->stream);
    if (result == CU_SUCCESS) return EMETH_OK;
    if (result == CU_ERROR_NOT_READY) return EMETH_NOT_AVAILABLE;
    cuda->failure = refusal(cuda, "cuStreamQuery", result);
  }
  return emeth_cuda_failure(cuda, message);
}

emeth_status emeth_cuda_failure(const emeth_cuda* cuda, char* message) {
  if (cuda->failure != EMETH_OK && message) memcpy(message, cuda->message, EMETH_MESSAGE_BYTES);
  return cuda->failure;
}

static void release_scratch(emeth_cuda* cuda) {
  for (size_t i = 0; i < EMETH_CUDA_SCRATCH_SLOTS; i++) {
    if (cuda->scratch[i].memory) cuda->driver->release(cuda->scratch[i].memory);
    cuda->scratch[i] = (scratch_slot){0, 0};
  }
  cuda->scratch_moves++;
}

void emeth_cuda_recover(emeth_cuda* cuda) {
  if (cuda->failure != EMETH_NO_MEMORY) return;
  cuda->failure = EMETH_OK;
  cuda->message[0] = 0;
  emeth_cuda_begin(cuda);
  // What was queued before may still use it.
  if (synchronize(cuda) == EMETH_OK) release_scratch(cuda);
}

struct emeth_recording {
  cu_graph_exec* graph;
  uint64_t scratch_moves;
};

bool emeth_cuda_refuse_recording(emeth_cuda* cuda) {
  cuda->is_refused = true;
  return cuda->is_recording;
}

emeth_status emeth_cuda_begin_recording(emeth_cuda* cuda) {
  emeth_cuda_begin(cuda);
  if (cuda->failure != EMETH_OK) return cuda->failure;
  const cu_result result = cuda->driver->begin_capture(cuda->stream, CU_CAPTURE_THREAD_LOCAL);
  if (result != CU_SUCCESS) return EMETH_NOT_AVAILABLE;
  cuda->is_recording = true;
  cuda->is_refused = false;
  return EMETH_OK;
}

emeth_status emeth_cuda_end_recording(emeth_cuda* cuda, emeth_recording** out) {
  const emeth_cuda_driver* driver = cuda->driver;
  *out = NULL;
  cuda->is_recording = false;
  cu_graph* graph = NULL;
  cu_result result = driver->end_capture(cuda->stream, &graph);
  if (result != CU_SUCCESS || !graph) return EMETH_NOT_AVAILABLE;
  emeth_recording* recording = cuda->is_refused ? NULL : calloc(1, sizeof *recording);
  if (recording) {
    recording->scratch_moves = cuda->scratch_moves;
    result = driver->instantiate_graph(&recording->graph, graph, 0);
    if (result != CU_SUCCESS) {
      free(recording);
      recording = NULL;
    }
  }
  driver->destroy_graph(graph);
  *out = recording;
  return recording ? EMETH_OK : EMETH_NOT_AVAILABLE;
}

emeth_status emeth_cuda_replay(emeth_cuda* cuda, const emeth_recording* recording) {
  emeth_cuda_begin(cuda);
  if (cuda->failure != EMETH_OK) return cuda->failure;
  if (recording->scratch_moves != cuda->scratch_moves) return EMETH_NOT_AVAILABLE;
  const cu_result result = cuda->driver->launch_graph(recording->graph, cuda->stream);
  return emeth_cuda_finish(cuda, result == CU_SUCCESS ? EMETH_OK : refusal(cuda, "cuGraphLaunch", result));
}

void emeth_cuda_free_recording(emeth_cuda* cuda, emeth_recording* recording) {
  if (cuda->driver->set_context(cuda->context) == CU_SUCCESS) {
    cuda->driver->destroy_graph_exec(recording->graph);
  }
  free(recording);
}

static emeth_status load(emeth_cuda* cuda, const void* const* code) {
  const emeth_cuda_driver* driver = cuda->driver;
  for (size_t i = 0; i < emeth_cuda_source_count(); i++) {
    if (!code[i]) continue;
    const cu_result result = driver->load_module(&cuda->modules[i], code[i]);
    if (result != CU_SUCCESS) return refusal(cuda, emeth_cuda_source_at(i).name, result);
  }
  for (size_t kernel = 0; kernel < EMETH_KERNEL_COUNT; kernel++) {
    const emeth_cuda_kernel_name named = emeth_cuda_kernel_at(kernel);
    const size_t length = strlen(named.program);
    for (size_t i = 0; i < emeth_cuda_source_count() && !cuda->functions[kernel]; i++) {
      const char* source = emeth_cuda_source_at(i).name;
      if (!cuda->modules[i] || strncmp(source, named.program, length) || strcmp(source + length, ".cu"))
        continue;
      const cu_result result = driver->module_function(&cuda->functions[kernel], cuda->modules[i], named.name);
      if (result != CU_SUCCESS) return refusal(cuda, named.name, result);
      int bytes = 0;
      if (driver->function_attribute(&bytes, CU_FUNCTION_SHARED_BYTES, cuda->functions[kernel]) == CU_SUCCESS)
        cuda->static_shared_bytes[kernel] = (size_t)bytes;
    }
    if (!cuda->functions[kernel]) {
      emeth_say(cuda->message, "there is no machine code of %s.cu", named.program);
      return EMETH_NOT_AVAILABLE;
    }
  }
  return EMETH_OK;
}

static emeth_status open_device(emeth_cuda* cuda, size_t ordinal, const void* const* code) {
  const emeth_cuda_driver* driver = cuda->driver;
  cu_result result = driver->device(&cuda->device, (int)ordinal);
  if (result != CU_SUCCESS) return refusal(cuda, "cuDeviceGet", result);
  result = driver->retain_context(&cuda->context, cuda->device);
  if (result != CU_SUCCESS) {
    cuda->context = NULL;
    return refusal(cuda, "cuDevicePrimaryCtxRetain", result);
  }
  result = driver->set_context(cuda->context);
  if (result != CU_SUCCESS) return refusal(cuda, "cuCtxSetCurrent", result);
  result = driver->create_stream(&cuda->stream, CU_STREAM_NON_BLOCKING);
  if (result != CU_SUCCESS) {
    cuda->stream = NULL;
    return refusal(cuda, "cuStreamCreate", result);
  }
  int multiprocessors = 0, shared_bytes = 0;
  result = driver->device_attribute(&multiprocessors, CU_DEVICE_MULTIPROCESSORS, cuda->device);
  if (result == CU_SUCCESS)
    result = driver->device_attribute(&shared_bytes, CU_DEVICE_LARGEST_SHARED_BYTES, cuda->device);
  if (result != CU_SUCCESS) return refusal(cuda, "cuDeviceGetAttribute", result);
  cuda->launcher = (emeth_cuda_launcher){
      .context = cuda,
      .multiprocessors = (uint32_t)multiprocessors,
      .largest_shared_bytes = (uint32_t)(shared_bytes > PLAIN_SHARED_BYTES ? shared_bytes : PLAIN_SHARED_BYTES),
      .launch = launch,
      .scratch = scratch,
      .copy_in = copy_in,
      .copy_out = copy_out,
      .fill = fill,
      .holds = holds,
      .synchronize = synchronize,
  };
  return load(cuda, code);
}

emeth_status emeth_cuda_create(emeth_cuda** out, const emeth_cuda_driver* driver, size_t ordinal,
                               const void* const* code, char* message) {
  *out = NULL;
  emeth_cuda* cuda = calloc(1, sizeof *cuda);
  if (!cuda) return EMETH_NO_MEMORY;
  cuda->driver = driver;
  cuda->modules = calloc(emeth_cuda_source_count(), sizeof(cu_module*));
  const emeth_status status = cuda->modules ? open_device(cuda, ordinal, code) : EMETH_NO_MEMORY;
  if (status == EMETH_OK) {
    *out = cuda;
    return status;
  }
  memcpy(message, cuda->message, EMETH_MESSAGE_BYTES);
  emeth_cuda_destroy(cuda);
  return status;
}

// Where a call fails the device is lost, and the driver frees all with its context.
void emeth_cuda_destroy(emeth_cuda* cuda) {
  if (!cuda) return;
  const emeth_cuda_driver* driver = cuda->driver;
  if (cuda->context && driver->set_context(cuda->context) == CU_SUCCESS) {
    if (cuda->stream) driver->synchronize(cuda->stream);
    for (size_t i = 0; i < cuda->block_count; i++) driver->release((cu_pointer)cuda->blocks[i].start);
    emeth_cublas_destroy(cuda->products);
    release_scratch(cuda);
    for (size_t i = 0; cuda->modules && i < emeth_cuda_source_count(); i++) {
      if (cuda->modules[i]) driver->unload_module(cuda->modules[i]);
    }
    if (cuda->stream) driver->destroy_stream(cuda->stream);
  }
  if (cuda->context) driver->release_context(cuda->device);
  free(cuda->modules);
  free(cuda->blocks);
  free(cuda);
}
