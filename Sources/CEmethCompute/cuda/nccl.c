// NCCL, which adds up arrays of several GPUs of one machine: own declarations of what is used of it.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda_device.h"
#include "driver.h"
#include "library.h"

typedef int nccl_result;
typedef struct nccl_communicator nccl_communicator;

enum { NCCL_SUCCESS = 0, NCCL_IN_PROGRESS = 7 };
enum { NCCL_FLOAT32 = 7, NCCL_SUM = 0 };

struct emeth_nccl {
  nccl_result (*version)(int* out);
  const char* (*result_text)(nccl_result result);
  const char* (*last_error)(nccl_communicator* communicator);  // may be NULL
  nccl_result (*create_all)(nccl_communicator** out, int count, const int* devices);
  nccl_result (*destroy)(nccl_communicator* communicator);
  nccl_result (*abort)(nccl_communicator* communicator);
  nccl_result (*background_error)(nccl_communicator* communicator, nccl_result* out);
  nccl_result (*group_start)(void);
  nccl_result (*group_end)(void);
  nccl_result (*all_reduce)(const void* in, void* out, size_t count, int type, int operation,
                            nccl_communicator* communicator, cu_stream* stream);
};

static emeth_status refusal(const emeth_nccl* nccl, const char* call, nccl_result result, char* message) {
  const char* text = nccl->result_text(result);
  const char* more = nccl->last_error ? nccl->last_error(NULL) : NULL;
  const bool says_more = more && *more;
  emeth_say(message, "%s: %s (%d)%s%s", call, text ? text : "an unknown error", result, says_more ? ", " : "",
            says_more ? more : "");
  // It has an end of line where the library adds one.
  message[strcspn(message, "\n")] = 0;
  return EMETH_DEVICE_FAILED;
}

emeth_status emeth_nccl_open(emeth_nccl** out, const char* path, int* major, int* minor, char* message) {
  *out = NULL;
  emeth_nccl* nccl = calloc(1, sizeof *nccl);
  if (!nccl) return EMETH_NO_MEMORY;
  const emeth_library_function functions[] = {
      {"ncclGetVersion", &nccl->version, false},
      {"ncclGetErrorString", &nccl->result_text, false},
      {"ncclGetLastError", &nccl->last_error, true},
      {"ncclCommInitAll", &nccl->create_all, false},
      {"ncclCommDestroy", &nccl->destroy, false},
      {"ncclCommAbort", &nccl->abort, false},
      {"ncclCommGetAsyncError", &nccl->background_error, false},
      {"ncclGroupStart", &nccl->group_start, false},
      {"ncclGroupEnd", &nccl->group_end, false},
      {"ncclAllReduce", &nccl->all_reduce, false},
  };
  emeth_status status = emeth_library_open(path, functions, sizeof functions / sizeof *functions, message);
  if (status == EMETH_OK) {
    int version = 0;
    const nccl_result result = nccl->version(&version);
    if (result != NCCL_SUCCESS) status = refusal(nccl, "ncclGetVersion", result, message);
    // Such as 22703, and 2804 up to 2.8.
    const int thousands = version < 10000 ? 1000 : 10000;
    *major = version / thousands;
    *minor = version % thousands / 100;
  }
  if (status == EMETH_OK) {
    *out = nccl;
  } else {
    free(nccl);
  }
  return status;
}

void emeth_nccl_close(emeth_nccl* nccl) { free(nccl); }

struct emeth_team {
  const emeth_nccl* nccl;
  size_t count;
  emeth_device** devices;
  nccl_communicator** communicators;  // NULL once they were aborted
};

emeth_status emeth_team_create(emeth_team** out, const emeth_nccl* nccl, emeth_device* const* devices,
                               size_t count, char* message) {
  *out = NULL;
  emeth_team* team = calloc(1, sizeof *team);
  int* ordinals = calloc(count, sizeof *ordinals);
  if (team) {
    team->nccl = nccl;
    team->count = count;
    team->devices = calloc(count, sizeof(emeth_device*));
    team->communicators = calloc(count, sizeof(nccl_communicator*));
  }
  emeth_status status = EMETH_OK;
  if (!team || !ordinals || !team->devices || !team->communicators) status = EMETH_NO_MEMORY;
  for (size_t i = 0; i < count && status == EMETH_OK; i++) {
    team->devices[i] = devices[i];
    emeth_cuda* cuda = emeth_device_cuda(devices[i]);
    if (cuda) {
      ordinals[i] = emeth_cuda_ordinal(cuda);
    } else {
      emeth_say(message, "device %zu of them is no GPU", i);
      status = EMETH_NOT_AVAILABLE;
    }
  }
  if (status == EMETH_OK) {
    const nccl_result result = nccl->create_all(team->communicators, (int)count, ordinals);
    if (result != NCCL_SUCCESS) {
      status = refusal(nccl, "ncclCommInitAll", result, message);
      free(team->communicators);
      team->communicators = NULL;
    }
  }
  free(ordinals);
  if (status == EMETH_OK) {
    *out = team;
  } else {
    emeth_team_destroy(team);
  }
  return status;
}

// Ends what is still under way on any device: without the one that was lost the others would wait for ever.
static void abort_all(emeth_team* team) {
  if (!team->communicators) return;
  for (size_t i = 0; i < team->count; i++) {
    if (team->communicators[i]) team->nccl->abort(team->communicators[i]);
  }
  free(team->communicators);
  team->communicators = NULL;
}

void emeth_team_destroy(emeth_team* team) {
  if (!team) return;
  bool is_lost = false;
  for (size_t i = 0; i < team->count && team->devices; i++) {
    if (team->devices[i] && emeth_device_failure(team->devices[i], NULL) == EMETH_DEVICE_FAILED) is_lost = true;
  }
  if (is_lost) abort_all(team);
  for (size_t i = 0; i < team->count && team->communicators; i++) {
    if (team->communicators[i]) team->nccl->destroy(team->communicators[i]);
  }
  free(team->communicators);
  free(team->devices);
  free(team);
}

// So long a sum may take: it takes far less than a second, and where the library hangs without saying why nobody
// else would end it.
enum { PATIENCE_SECONDS = 600 };

static time_t seconds_now(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// Waits for all devices. Nobody waits in the driver for one of them alone: it would not come back where another
// one is lost, whose part is missing.
static emeth_status wait(emeth_team* team, char* message) {
  const time_t start = seconds_now();
  for (size_t i = 0; i < team->count;) {
    const emeth_status status = emeth_cuda_poll(emeth_device_cuda(team->devices[i]), message);
    if (status == EMETH_OK) {
      i++;
      continue;
    }
    if (status != EMETH_NOT_AVAILABLE) return status;
    for (size_t other = 0; other < team->count; other++) {
      nccl_result result = NCCL_SUCCESS;
      const nccl_result asked = team->nccl->background_error(team->communicators[other], &result);
      if (asked != NCCL_SUCCESS) return refusal(team->nccl, "ncclCommGetAsyncError", asked, message);
      if (result != NCCL_SUCCESS && result != NCCL_IN_PROGRESS) {
        return refusal(team->nccl, "ncclAllReduce", result, message);
      }
      const emeth_status state = emeth_cuda_poll(emeth_device_cuda(team->devices[other]), message);
      if (state != EMETH_OK && state != EMETH_NOT_AVAILABLE) return state;
    }
    if (seconds_now() - start > PATIENCE_SECONDS) {
      emeth_say(message, "ncclAllReduce: it was not done after %d s, and told of no error", PATIENCE_SECONDS);
      return EMETH_DEVICE_FAILED;
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
  }
  return EMETH_OK;
}

emeth_status emeth_team_sum(emeth_team* team, float* const* arrays, size_t count, char* message) {
  if (!team->communicators) {
    emeth_say(message, "the devices were parted when one of them failed");
    return EMETH_DEVICE_FAILED;
  }
  const emeth_nccl* nccl = team->nccl;
  for (size_t i = 0; i < team->count; i++) emeth_device_hold(team->devices[i]);
  const char* call = "ncclGroupStart";
  nccl_result result = nccl->group_start();
  if (result == NCCL_SUCCESS) {
    for (size_t i = 0; i < team->count && result == NCCL_SUCCESS; i++) {
      call = "ncclAllReduce";
      result = nccl->all_reduce(arrays[i], arrays[i], count, NCCL_FLOAT32, NCCL_SUM, team->communicators[i],
                                emeth_cuda_stream(emeth_device_cuda(team->devices[i])));
    }
    // Ended in any case; what failed first is told.
    const nccl_result ended = nccl->group_end();
    if (result == NCCL_SUCCESS) {
      call = "ncclGroupEnd";
      result = ended;
    }
  }
  const emeth_status status =
      result == NCCL_SUCCESS ? wait(team, message) : refusal(nccl, call, result, message);
  if (status != EMETH_OK) abort_all(team);
  for (size_t i = team->count; i > 0; i--) emeth_device_let_go(team->devices[i - 1]);
  return status;
}
