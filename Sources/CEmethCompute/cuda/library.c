#include "library.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void emeth_say(char* message, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, EMETH_MESSAGE_BYTES, format, arguments);
  va_end(arguments);
}

emeth_status emeth_library_open(const char* path, const emeth_library_function* functions, size_t count,
                                char* message) {
  // Never closed: threads and exit handlers of these libraries would outlive their code.
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    const char* reason = dlerror();
    emeth_say(message, "%s", reason ? reason : "the system does not say why");
    return EMETH_NOT_AVAILABLE;
  }
  for (size_t i = 0; i < count; i++) {
    void* address = dlsym(library, functions[i].name);
    if (address) {
      memcpy(functions[i].address, &address, sizeof address);
    } else if (!functions[i].optional) {
      emeth_say(message, "it has no function %s", functions[i].name);
      return EMETH_NOT_AVAILABLE;
    }
  }
  return EMETH_OK;
}
