// Opens the driver and says what devices it has.
#include "driver.h"

#include <stdlib.h>

#include "library.h"

emeth_status emeth_cuda_refusal(const emeth_cuda_driver* driver, const char* call, cu_result result,
                                char* message) {
  const char* name = NULL;
  const char* text = NULL;
  if (driver->error_name(result, &name) != CU_SUCCESS || !name) name = "an unknown error";
  if (driver->error_text(result, &text) != CU_SUCCESS || !text) text = "the driver says no more";
  emeth_say(message, "%s: %s (%d), %s", call, name, result, text);
  return result == CU_ERROR_OUT_OF_MEMORY ? EMETH_NO_MEMORY : EMETH_DEVICE_FAILED;
}

static emeth_status start(const emeth_cuda_driver* driver, int* version, size_t* devices, char* message) {
  // Asked first: a driver that does not start still says how old it is.
  cu_result result = driver->version(version);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDriverGetVersion", result, message);
  result = driver->init(0);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuInit", result, message);
  int count = 0;
  result = driver->device_count(&count);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDeviceGetCount", result, message);
  *devices = count < 0 ? 0 : (size_t)count;
  return EMETH_OK;
}

emeth_status emeth_cuda_driver_open(emeth_cuda_driver** out, const char* path, int* version, size_t* devices,
                                    char* message) {
  *out = NULL;
  *version = 0;
  *devices = 0;
  emeth_cuda_driver* driver = calloc(1, sizeof *driver);
  if (!driver) return EMETH_NO_MEMORY;
  // The versions of the functions are those of CUDA 12.0; later drivers have them all.
  const emeth_library_function functions[] = {
      {"cuInit", &driver->init, false},
      {"cuDriverGetVersion", &driver->version, false},
      {"cuGetErrorName", &driver->error_name, false},
      {"cuGetErrorString", &driver->error_text, false},
      {"cuDeviceGetCount", &driver->device_count, false},
      {"cuDeviceGet", &driver->device, false},
      {"cuDeviceGetName", &driver->device_name, false},
      {"cuDeviceGetAttribute", &driver->device_attribute, false},
      {"cuDeviceTotalMem_v2", &driver->device_memory, false},
      {"cuDevicePrimaryCtxRetain", &driver->retain_context, false},
      {"cuDevicePrimaryCtxRelease_v2", &driver->release_context, false},
      {"cuCtxSetCurrent", &driver->set_context, false},
      {"cuModuleLoadData", &driver->load_module, false},
      {"cuModuleUnload", &driver->unload_module, false},
      {"cuModuleGetFunction", &driver->module_function, false},
      {"cuFuncGetAttribute", &driver->function_attribute, false},
      {"cuFuncSetAttribute", &driver->set_function_attribute, false},
      {"cuMemGetInfo_v2", &driver->memory, false},
      {"cuMemAlloc_v2", &driver->allocate, false},
      {"cuMemAllocManaged", &driver->allocate_managed, false},
      {"cuMemFree_v2", &driver->release, false},
      {"cuMemAdvise", &driver->advise, true},
      {"cuMemsetD8Async", &driver->fill, false},
      {"cuMemcpyHtoDAsync_v2", &driver->copy_in, false},
      {"cuMemcpyDtoHAsync_v2", &driver->copy_out, false},
      {"cuStreamCreate", &driver->create_stream, false},
      {"cuStreamDestroy_v2", &driver->destroy_stream, false},
      {"cuStreamSynchronize", &driver->synchronize, false},
      {"cuStreamQuery", &driver->query, false},
      {"cuLaunchKernel", &driver->launch, false},
      {"cuStreamBeginCapture_v2", &driver->begin_capture, false},
      {"cuStreamEndCapture", &driver->end_capture, false},
      {"cuGraphInstantiateWithFlags", &driver->instantiate_graph, false},
      {"cuGraphLaunch", &driver->launch_graph, false},
      {"cuGraphDestroy", &driver->destroy_graph, false},
      {"cuGraphExecDestroy", &driver->destroy_graph_exec, false},
  };
  emeth_status status = emeth_library_open(path, functions, sizeof functions / sizeof *functions, message);
  if (status == EMETH_OK) status = start(driver, version, devices, message);
  if (status == EMETH_OK) {
    *out = driver;
  } else {
    free(driver);
  }
  return status;
}

void emeth_cuda_driver_close(emeth_cuda_driver* driver) { free(driver); }

emeth_status emeth_cuda_device_properties(const emeth_cuda_driver* driver, emeth_cuda_properties* out,
                                          size_t ordinal, char* message) {
  *out = (emeth_cuda_properties){0};
  cu_device device = 0;
  cu_result result = driver->device(&device, (int)ordinal);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDeviceGet", result, message);
  // The last byte stays 0.
  result = driver->device_name(out->name, sizeof out->name - 1, device);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDeviceGetName", result, message);
  size_t bytes = 0;
  result = driver->device_memory(&bytes, device);
  if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDeviceTotalMem", result, message);
  out->memory_bytes = bytes;
  int multiprocessors = 0, managed = 0;
  const struct {
    int attribute;
    int* value;
  } asked[] = {
      {CU_DEVICE_MAJOR, &out->major},
      {CU_DEVICE_MINOR, &out->minor},
      {CU_DEVICE_MULTIPROCESSORS, &multiprocessors},
      {CU_DEVICE_MANAGED_MEMORY, &managed},
  };
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    result = driver->device_attribute(asked[i].value, asked[i].attribute, device);
    if (result != CU_SUCCESS) return emeth_cuda_refusal(driver, "cuDeviceGetAttribute", result, message);
  }
  out->multiprocessors = (uint32_t)multiprocessors;
  out->has_managed_memory = managed != 0;
  return EMETH_OK;
}
