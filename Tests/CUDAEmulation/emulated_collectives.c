// NCCL for the emulated devices: sums by plain loops in the order of the ranks. What the library would refuse is
// refused with its result: a group without a call for each communicator, other counts, another device's memory. As
// with the library, devices wait for ever for one that is lost, until the communicators are aborted.
//   EMULATED_NCCL_VERSION   22703 by default
//   EMULATED_NCCL_FAILS     `create`, `sum`: that call fails; `background`: it fails after the call; `one`: the last
//                           device gets another sum
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION __attribute__((visibility("default")))

enum { SUCCESS = 0, UNHANDLED_CUDA_ERROR = 1, INTERNAL_ERROR = 3, INVALID_ARGUMENT = 4, INVALID_USAGE = 5 };
enum { FLOAT32 = 7, SUM = 0, LARGEST_CLIQUE = 8 };

int emulated_queue(void* stream, void (*host)(const void* data), const void* data, size_t bytes);
bool emulated_stream_holds(const void* stream, int device, const void* memory, size_t bytes);
bool emulated_stream_is_lost(const void* stream);
void emulated_stick(void* stream, bool is_stuck);

typedef struct {
  int ranks;
  int error;  // in the background
} clique;
typedef struct {
  clique* own;
  int rank, device;
  void* stuck;  // a stream that waits
} communicator;
typedef struct {
  communicator* communicator;
  const float* in;
  float* out;
  size_t count;
  void* stream;
} call;

static long communicators, sums;
static int depth;
static call calls[LARGEST_CLIQUE];
static int call_count;
// For tests: those that are there, and the elements added up so far.
FUNCTION long emulated_communicator_count(void) { return communicators; }
FUNCTION long emulated_sum_count(void) { return sums; }

static bool fails(const char* what) {
  const char* text = getenv("EMULATED_NCCL_FAILS");
  return text && strcmp(text, what) == 0;
}

FUNCTION int ncclGetVersion(int* out) {
  const char* text = getenv("EMULATED_NCCL_VERSION");
  *out = text && *text ? atoi(text) : 22703;
  return SUCCESS;
}
FUNCTION const char* ncclGetErrorString(int result) {
  switch (result) {
    case UNHANDLED_CUDA_ERROR: return "unhandled cuda error";
    case INTERNAL_ERROR: return "internal error";
    case INVALID_ARGUMENT: return "invalid argument";
    case INVALID_USAGE: return "invalid usage";
    default: return "unknown result code";
  }
}
FUNCTION const char* ncclGetLastError(const communicator* own) {
  (void)own;
  return "an emulated reason\n";
}

FUNCTION int ncclCommInitAll(communicator** out, int count, const int* devices) {
  if (count < 1 || count > LARGEST_CLIQUE) return INVALID_ARGUMENT;
  for (int i = 0; i < count; i++) {
    for (int j = 0; j < i; j++) {
      if (devices[i] == devices[j]) return INVALID_USAGE;
    }
  }
  if (fails("create")) return UNHANDLED_CUDA_ERROR;
  clique* own = calloc(1, sizeof *own);
  own->ranks = count;
  for (int i = 0; i < count; i++) {
    out[i] = calloc(1, sizeof *out[i]);
    *out[i] = (communicator){.own = own, .rank = i, .device = devices[i]};
    communicators++;
  }
  return SUCCESS;
}
FUNCTION int ncclCommAbort(communicator* own) {
  if (own->stuck) emulated_stick(own->stuck, false);
  if (--own->own->ranks == 0) free(own->own);
  free(own);
  communicators--;
  return SUCCESS;
}
FUNCTION int ncclCommDestroy(communicator* own) {
  if (own->stuck) {
    fprintf(stderr, "emulated NCCL: a communicator is destroyed that waits for another\n");
    _Exit(3);
  }
  return ncclCommAbort(own);
}
FUNCTION int ncclCommGetAsyncError(const communicator* own, int* out) {
  *out = own->own->error;
  return SUCCESS;
}

FUNCTION int ncclGroupStart(void) {
  depth++;
  call_count = 0;
  return SUCCESS;
}
FUNCTION int ncclAllReduce(const float* in, float* out, size_t count, int type, int operation, communicator* own,
                           void* stream) {
  // One thread would wait for itself.
  if (depth != 1 || call_count == LARGEST_CLIQUE) return INVALID_USAGE;
  if (!own || !stream || type != FLOAT32 || operation != SUM) return INVALID_ARGUMENT;
  if (!emulated_stream_holds(stream, own->device, in, count * sizeof(float)) ||
      !emulated_stream_holds(stream, own->device, out, count * sizeof(float)))
    return INVALID_ARGUMENT;
  if (fails("sum")) return INTERNAL_ERROR;
  calls[call_count++] = (call){own, in, out, count, stream};
  return SUCCESS;
}

typedef struct {
  size_t count;
  int ranks;
  const float* in[LARGEST_CLIQUE];
  float* out[LARGEST_CLIQUE];
} work;

static void run(const void* data) {
  const work* w = data;
  sums += (long)w->count;
  for (size_t i = 0; i < w->count; i++) {
    float sum = w->in[0][i];
    for (int rank = 1; rank < w->ranks; rank++) sum += w->in[rank][i];
    for (int rank = 0; rank < w->ranks; rank++) w->out[rank][i] = sum;
    if (fails("one") && i == 0) w->out[w->ranks - 1][i] += 1;
  }
}

FUNCTION int ncclGroupEnd(void) {
  if (--depth != 0) return INVALID_USAGE;
  if (call_count == 0) return SUCCESS;
  clique* own = calls[0].communicator->own;
  if (call_count != own->ranks) return INVALID_USAGE;
  work w = {.count = calls[0].count, .ranks = call_count};
  bool is_lost = fails("background");
  if (is_lost) own->error = INTERNAL_ERROR;
  for (int i = 0; i < call_count; i++) {
    if (calls[i].communicator->own != own || calls[i].count != w.count || w.in[calls[i].communicator->rank])
      return INVALID_USAGE;
    w.in[calls[i].communicator->rank] = calls[i].in;
    w.out[calls[i].communicator->rank] = calls[i].out;
    is_lost = is_lost || emulated_stream_is_lost(calls[i].stream);
  }
  for (int i = 0; i < call_count && is_lost; i++) {
    calls[i].communicator->stuck = calls[i].stream;
    emulated_stick(calls[i].stream, true);
  }
  return is_lost ? SUCCESS : emulated_queue(calls[0].stream, run, &w, sizeof w);
}
