// The CUDA driver: own declarations of what is used of it.
#ifndef EMETH_CUDA_DRIVER_H
#define EMETH_CUDA_DRIVER_H

#include "../include/emeth_cuda.h"

typedef int cu_result;
typedef int cu_device;
typedef unsigned long long cu_pointer;
typedef struct cu_context cu_context;
typedef struct cu_module cu_module;
typedef struct cu_function cu_function;
typedef struct cu_stream cu_stream;
typedef struct cu_graph cu_graph;
typedef struct cu_graph_exec cu_graph_exec;

enum { CU_SUCCESS = 0, CU_ERROR_OUT_OF_MEMORY = 2, CU_ERROR_NOT_READY = 600 };
enum {
  CU_DEVICE_MULTIPROCESSORS = 16,
  CU_DEVICE_MAJOR = 75,
  CU_DEVICE_MINOR = 76,
  CU_DEVICE_MANAGED_MEMORY = 83,
  CU_DEVICE_LARGEST_SHARED_BYTES = 97,
};
enum { CU_FUNCTION_SHARED_BYTES = 1, CU_FUNCTION_LARGEST_DYNAMIC_SHARED_BYTES = 8 };
enum { CU_MEMORY_ATTACH_GLOBAL = 1 };
enum { CU_ADVISE_PREFERRED_LOCATION = 3 };
enum { CU_STREAM_NON_BLOCKING = 1 };
enum { CU_CAPTURE_THREAD_LOCAL = 1 };

struct emeth_cuda_driver {
  cu_result (*init)(unsigned flags);
  cu_result (*version)(int* out);
  cu_result (*error_name)(cu_result result, const char** out);
  cu_result (*error_text)(cu_result result, const char** out);
  cu_result (*device_count)(int* out);
  cu_result (*device)(cu_device* out, int ordinal);
  cu_result (*device_name)(char* out, int bytes, cu_device device);
  cu_result (*device_attribute)(int* out, int attribute, cu_device device);
  cu_result (*device_memory)(size_t* out, cu_device device);
  cu_result (*retain_context)(cu_context** out, cu_device device);
  cu_result (*release_context)(cu_device device);
  cu_result (*set_context)(cu_context* context);
  cu_result (*load_module)(cu_module** out, const void* code);
  cu_result (*unload_module)(cu_module* module);
  cu_result (*module_function)(cu_function** out, cu_module* module, const char* name);
  cu_result (*function_attribute)(int* out, int attribute, cu_function* function);
  cu_result (*set_function_attribute)(cu_function* function, int attribute, int value);
  cu_result (*memory)(size_t* free_bytes, size_t* all_bytes);
  cu_result (*allocate)(cu_pointer* out, size_t bytes);
  cu_result (*allocate_managed)(cu_pointer* out, size_t bytes, unsigned flags);
  cu_result (*release)(cu_pointer memory);
  cu_result (*advise)(cu_pointer memory, size_t bytes, int advice, cu_device device);  // may be NULL
  cu_result (*fill)(cu_pointer memory, unsigned char value, size_t count, cu_stream* stream);
  cu_result (*copy_in)(cu_pointer device, const void* host, size_t bytes, cu_stream* stream);
  cu_result (*copy_out)(void* host, cu_pointer device, size_t bytes, cu_stream* stream);
  cu_result (*create_stream)(cu_stream** out, unsigned flags);
  cu_result (*destroy_stream)(cu_stream* stream);
  cu_result (*synchronize)(cu_stream* stream);
  cu_result (*query)(cu_stream* stream);
  cu_result (*launch)(cu_function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned shared_bytes, cu_stream* stream,
                      void** arguments, void** extra);
  cu_result (*begin_capture)(cu_stream* stream, int mode);
  cu_result (*end_capture)(cu_stream* stream, cu_graph** out);
  cu_result (*instantiate_graph)(cu_graph_exec** out, cu_graph* graph, unsigned long long flags);
  cu_result (*launch_graph)(cu_graph_exec* graph, cu_stream* stream);
  cu_result (*destroy_graph)(cu_graph* graph);
  cu_result (*destroy_graph_exec)(cu_graph_exec* graph);
};

// Says what call failed, as `cuInit: CUDA_ERROR_NO_DEVICE, no CUDA-capable device is detected`; the status
// that goes with the result.
emeth_status emeth_cuda_refusal(const emeth_cuda_driver* driver, const char* call, cu_result result,
                                char* message);

#endif
