#include "emulator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "device.h"

extern "C" const emulated_kernel emulated_kernels[];

// --- Memory
// ---------------------------------------------------------------------------------------------------

// Who touched a word last. Times count barriers, blocks and launches.
struct word {
  uint32_t write_time, read_time;
  uint16_t writer, reader;
  uint8_t exists, written;
};
// Readers that are not one thread.
static const uint16_t SEVERAL = 0xFFFF, OTHER_BLOCK = 0xFFFE;

static const size_t ARENA_BYTES = (size_t)1 << 28, GAP = 256;
static char* arena;
static word* arena_words;
static size_t arena_used, allocations;

extern "C" char __start_emulated_shared[], __stop_emulated_shared[];
static word* shared_words;
static char *shared_low, *shared_high;  // what the block has touched

static void* reserve(size_t bytes) {
  void* memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "no memory\n");
    exit(2);
  }
  return memory;
}

static void start_memory() {
  if (arena) return;
  arena = (char*)reserve(ARENA_BYTES);
  arena_words = (word*)reserve(ARENA_BYTES / 4 * sizeof(word));
  const size_t shared = (size_t)(__stop_emulated_shared - __start_emulated_shared);
  shared_words = (word*)reserve((shared / 4 + 1) * sizeof(word));
  for (size_t i = 0; i <= shared / 4; i++) shared_words[i].exists = 1;
}

void* emulated_allocate(size_t bytes) {
  start_memory();
  const size_t words = (bytes + 3) / 4, at = arena_used;
  if (at + words * 4 + GAP > ARENA_BYTES) return NULL;
  arena_used = (at + words * 4 + 2 * GAP - 1) / GAP * GAP;
  allocations++;
  memset(arena + at, 0xFF, words * 4);
  for (size_t i = 0; i < words; i++) {
    arena_words[at / 4 + i] = {};
    arena_words[at / 4 + i].exists = 1;
  }
  return arena + at;
}

void emulated_free(void* memory) {
  if (!memory) return;
  for (size_t i = (size_t)((char*)memory - arena) / 4; arena_words[i].exists; i++) arena_words[i].exists = 0;
  if (--allocations == 0) arena_used = 0;
}

// --- Fibers
// ---------------------------------------------------------------------------------------------------

static const size_t STACK_BYTES = 1 << 16;
static const unsigned MOST_THREADS = 1024;

enum fiber_state { READY, AT_BARRIER, AT_WARP, DONE };
enum warp_kind { SHUFFLE, BALLOT, LOAD_MATRICES, LOAD_TRANSPOSED, MULTIPLY_MATRICES };

struct fiber {
  void* stack_pointer;
  char* stack;
  fiber_state state;
  emulated_size index;
  // At a barrier: which one, and its condition; then the result.
  const char* file;
  int line, condition;
  // At a warp's operation: with whom, and what is given; then the result.
  unsigned mask, source;
  warp_kind kind;
  const unsigned short* row;
  float sums[4];
  uint32_t given[6], result[4];
};

static fiber fibers[MOST_THREADS];
static fiber* current;  // NULL while no kernel runs
static void* scheduler_stack_pointer;
static emulated_size block_index, block_size, grid_size;
static const emulated_kernel* running;
static void** running_arguments;
static uint32_t time_now = 1, block_time, launch_time;
static uint64_t thread_count;
static emulated_schedule schedule;

extern "C" void emulated_switch(void** save, void* to);
#if defined(__x86_64__)
__asm__(
    ".text\n.globl emulated_switch\nemulated_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n");
static const size_t SAVED_WORDS = 6;
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl emulated_switch\nemulated_switch:\n"
    "sub sp, sp, #160\nstp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
    "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
    "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
    "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
    "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
    "add sp, sp, #160\nret\n");
#else
#error "emulated_switch is written for x86-64 and 64-bit ARM"
#endif

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char* format, ...) {
  va_list list;
  va_start(list, format);
  fprintf(stderr, "kernel %s: ", running ? running->name : "?");
  vfprintf(stderr, format, list);
  if (current) {
    fprintf(stderr, " (block %u %u %u, thread %u %u %u)", block_index.x, block_index.y, block_index.z,
            current->index.x, current->index.y, current->index.z);
  }
  fprintf(stderr, "\n");
  va_end(list);
  exit(EMULATED_ERROR);
}

static void pause_fiber(fiber_state state) {
  current->state = state;
  emulated_switch(&current->stack_pointer, scheduler_stack_pointer);
}

static void fiber_main() {
  running->call(running_arguments);
  pause_fiber(DONE);
  abort();
}

static void begin_fiber(fiber& f, unsigned number) {
  if (!f.stack) f.stack = (char*)reserve(STACK_BYTES);
  f.state = READY;
  f.index = {number % block_size.x, number / block_size.x % block_size.y,
             number / block_size.x / block_size.y};
  void** top = (void**)(f.stack + STACK_BYTES - 64);
#if defined(__x86_64__)
  *--top = NULL;  // as if called
  *--top = (void*)fiber_main;
  top -= SAVED_WORDS;
#else
  top -= 20;
  top[11] = (void*)fiber_main;
#endif
  f.stack_pointer = top;
}

static unsigned number_of(const fiber* f) { return (unsigned)(f - fibers); }

// All fibers that can run do so once; false when none could.
static bool run_ready(unsigned count) {
  static uint32_t random = 1;
  random = random * 1664525 + 1013904223;
  // An odd step visits all of a power of two, and others are passed over.
  unsigned round = 1;
  while (round < count) round *= 2;
  const unsigned step = random >> 16 | 1, offset = random >> 8;
  bool progress = false;
  for (unsigned i = 0; i < round; i++) {
    const unsigned number = schedule == EMULATED_ASCENDING    ? i
                            : schedule == EMULATED_DESCENDING ? round - 1 - i
                                                              : (i * step + offset) % round;
    if (number >= count || fibers[number].state != READY) continue;
    current = &fibers[number];
    emulated_switch(&scheduler_stack_pointer, current->stack_pointer);
    current = NULL;
    progress = true;
  }
  return progress;
}

// Lets all go on that wait at the same barrier.
static void release_barrier(unsigned count) {
  int condition = 0;
  for (unsigned i = 0; i < count; i++) {
    const fiber &f = fibers[i], &first = fibers[0];
    current = &fibers[i];
    if (f.state == DONE) fail("ended while others wait at the barrier %s:%d", first.file, first.line);
    if (f.state == AT_WARP) fail("waits for lanes %08x of its warp that don't come", f.mask);
    if (f.line != first.line || strcmp(f.file, first.file) != 0)
      fail("waits at the barrier %s:%d, others at %s:%d", f.file, f.line, first.file, first.line);
    condition |= f.condition;
  }
  current = NULL;
  for (unsigned i = 0; i < count; i++) {
    fibers[i].condition = condition;
    fibers[i].state = READY;
  }
  time_now++;
}

static void run_block() {
  const unsigned count = block_size.x * block_size.y * block_size.z;
  block_time = ++time_now;
  for (; shared_low < shared_high; shared_low += 4) {
    memset(shared_low, 0xFF, 4);
    shared_words[(shared_low - __start_emulated_shared) / 4].written = 0;
  }
  shared_low = __stop_emulated_shared;
  shared_high = __start_emulated_shared;
  for (unsigned i = 0; i < count; i++) begin_fiber(fibers[i], i);
  for (;;) {
    while (run_ready(count)) {
    }
    unsigned done = 0;
    for (unsigned i = 0; i < count; i++) done += fibers[i].state == DONE;
    if (done == count) break;
    // The first that is not done gives the message its barrier.
    if (fibers[0].state != AT_BARRIER) {
      for (unsigned i = 0; i < count; i++) {
        current = &fibers[i];
        if (fibers[i].state == AT_WARP)
          fail("waits for lanes %08x of its warp that don't come", fibers[i].mask);
        if (fibers[i].state == AT_BARRIER)
          fail("waits at the barrier %s:%d, others have ended", fibers[i].file, fibers[i].line);
      }
    }
    release_barrier(count);
  }
  thread_count += count;
}

emulated_size emulated_thread_index(void) { return current->index; }
emulated_size emulated_block_index(void) { return block_index; }
emulated_size emulated_block_size(void) { return block_size; }
emulated_size emulated_grid_size(void) { return grid_size; }

int emulated_barrier(const char* file, int line, int condition) {
  current->file = file;
  current->line = line;
  current->condition = condition;
  pause_fiber(AT_BARRIER);
  return current->condition;
}

static float float_of_bfloat16(unsigned bits) { return __int_as_float((int)(bits << 16)); }
// Element `number` of a register that holds two.
static float half_of(uint32_t pair, unsigned number) {
  return float_of_bfloat16(pair >> 16 * number & 0xFFFF);
}

// Gives all lanes of the mask the results of what they have come to.
static void complete_warp(fiber* lanes, unsigned mask, warp_kind kind) {
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < 32; lane++) {
    if (mask >> lane & 1) votes |= lanes[lane].given[0] << lane;
  }
  for (unsigned lane = 0; lane < 32; lane++) {
    if (!(mask >> lane & 1)) continue;
    fiber& f = lanes[lane];
    const unsigned row = lane / 4, column = lane % 4 * 2;
    switch (kind) {
      case SHUFFLE: f.result[0] = lanes[f.source].given[0]; break;
      case BALLOT: f.result[0] = votes; break;
      case LOAD_MATRICES:
      case LOAD_TRANSPOSED:
        for (unsigned i = 0; i < 4; i++) {
          const fiber* rows = lanes + 8 * i;
          const unsigned low = kind == LOAD_MATRICES ? rows[row].row[column] : rows[column].row[row];
          const unsigned high = kind == LOAD_MATRICES ? rows[row].row[column + 1] : rows[column + 1].row[row];
          f.result[i] = low | high << 16;
        }
        break;
      case MULTIPLY_MATRICES:
        for (unsigned i = 0; i < 4; i++) {
          double sum = f.sums[i];
          const unsigned r = row + i / 2 * 8, c = column + i % 2;
          for (unsigned k = 0; k < 16; k++) {
            // Of a: registers for rows below 8, from 8 on, then the same for k from 8 on; of b: for k alone.
            const float a = half_of(lanes[r % 8 * 4 + k % 8 / 2].given[k / 8 * 2 + r / 8], k % 2);
            const float b = half_of(lanes[c * 4 + k % 8 / 2].given[4 + k / 8], k % 2);
            sum += (double)a * (double)b;
          }
          f.result[i] = (uint32_t)__float_as_int((float)sum);
        }
        break;
    }
  }
  for (unsigned lane = 0; lane < 32; lane++) {
    if (mask >> lane & 1) lanes[lane].state = READY;
  }
}

// Waits until all lanes of the mask have come to the same operation with what they give.
static void warp_operation(unsigned mask, warp_kind kind) {
  const unsigned number = number_of(current), first = number / 32 * 32;
  const unsigned count = block_size.x * block_size.y * block_size.z;
  current->mask = mask;
  current->kind = kind;
  if (!(mask >> number % 32 & 1)) fail("is not in the mask %08x of its own operation", mask);
  for (unsigned lane = 0; lane < 32; lane++) {
    if (!(mask >> lane & 1)) continue;
    if (first + lane >= count) fail("the mask %08x has lanes that the block has not", mask);
    const fiber& other = fibers[first + lane];
    if (&other != current && (other.state != AT_WARP || other.mask != mask || other.kind != kind)) {
      pause_fiber(AT_WARP);
      return;
    }
  }
  complete_warp(fibers + first, mask, kind);
}

uint32_t emulated_shuffle(unsigned mask, uint32_t bits, unsigned source) {
  if (source >= 32 || !(mask >> source & 1))
    fail("asks lane %u, which is not in the mask %08x", source, mask);
  current->given[0] = bits;
  current->source = source;
  warp_operation(mask, SHUFFLE);
  return current->result[0];
}
unsigned emulated_ballot(unsigned mask, int condition) {
  current->given[0] = (uint32_t)condition;
  warp_operation(mask, BALLOT);
  return current->result[0];
}

static void check_access(const void* pointer, size_t bytes, bool write, bool aligned);

static uint32_t bfloat16_of(float x) {
  const uint32_t bits = (uint32_t)__float_as_int(x);
  return x != x ? 0x7FFF : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}
unsigned emulated_bfloat16_pair(float a, float b) { return bfloat16_of(a) | bfloat16_of(b) << 16; }
void emulated_load_matrices(unsigned* out, const unsigned short* row, int transposed) {
  check_access(row, 16, false, true);
  current->row = row;
  warp_operation(0xFFFFFFFF, transposed ? LOAD_TRANSPOSED : LOAD_MATRICES);
  memcpy(out, current->result, sizeof current->result);
}
void emulated_multiply_matrices(float* sums, const unsigned* a, unsigned b0, unsigned b1) {
  memcpy(current->sums, sums, sizeof current->sums);
  memcpy(current->given, a, 4 * sizeof *a);
  current->given[4] = b0;
  current->given[5] = b1;
  warp_operation(0xFFFFFFFF, MULTIPLY_MATRICES);
  memcpy(sums, current->result, sizeof current->result);
}

// --- Accesses
// -------------------------------------------------------------------------------------------------

static void touch(word& w, const void* address, bool write, bool shared) {
  const uint16_t thread = (uint16_t)number_of(current);
  const char* kind = shared ? "shared" : "device";
  if (!w.exists) fail("%s %p, which is no memory of the device", write ? "writes" : "reads", address);
  // Of one launch, what other blocks do has no order.
  const uint32_t since = shared ? time_now : launch_time;
  if (w.write_time >= since &&
      (w.write_time < block_time || (w.write_time == time_now && w.writer != thread)))
    fail("%s the word of %s memory at %p that thread %u%s has written, with no barrier between",
         write ? "writes" : "reads", kind, address, w.writer,
         w.write_time < block_time ? " of another block" : "");
  if (write) {
    if (w.read_time >= since && (w.read_time < block_time || w.reader == OTHER_BLOCK ||
                                 (w.read_time == time_now && w.reader != thread)))
      fail("writes the word of %s memory at %p that others have read, with no barrier between", kind,
           address);
    w.write_time = time_now;
    w.writer = thread;
    w.written = 1;
  } else {
    if (shared && !w.written) fail("reads shared memory at %p that nobody has written", address);
    if (w.read_time >= launch_time && !shared && (w.read_time < block_time || w.reader == OTHER_BLOCK))
      w.reader = OTHER_BLOCK;
    else
      w.reader = w.read_time == time_now && w.reader != thread ? SEVERAL : thread;
    w.read_time = time_now;
  }
}

static void check_access(const void* pointer, size_t bytes, bool write, bool aligned) {
  if (!current || !bytes) return;
  const char* address = (const char*)pointer;
  if (address >= current->stack && address + bytes <= current->stack + STACK_BYTES) return;
  if (aligned && (size_t)address % bytes != 0) fail("%zu bytes at %p: not aligned", bytes, pointer);
  const bool shared = address >= __start_emulated_shared && address + bytes <= __stop_emulated_shared;
  if (!shared && !(address >= arena && address + bytes <= arena + ARENA_BYTES))
    fail("%s %p, which is not the device's memory", write ? "writes" : "reads", pointer);
  const char* base = shared ? __start_emulated_shared : arena;
  word* words = shared ? shared_words : arena_words;
  const size_t first = (size_t)(address - base) / 4, last = (size_t)(address + bytes - 1 - base) / 4;
  for (size_t i = first; i <= last; i++) touch(words[i], base + 4 * i, write, shared);
  if (shared) {
    if (base + 4 * first < shared_low) shared_low = (char*)base + 4 * first;
    if (base + 4 * last + 4 > shared_high) shared_high = (char*)base + 4 * last + 4;
  }
}

extern "C" {
#define ACCESSES(BYTES)                                                                            \
  void __tsan_read##BYTES(void* address) { check_access(address, BYTES, false, true); }            \
  void __tsan_write##BYTES(void* address) { check_access(address, BYTES, true, true); }            \
  void __tsan_unaligned_read##BYTES(void* address) { check_access(address, BYTES, false, false); } \
  void __tsan_unaligned_write##BYTES(void* address) { check_access(address, BYTES, true, false); }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
void __tsan_init(void) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void) {}
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  check_access(from, bytes, false, false);
  check_access(to, bytes, true, false);
  return memcpy(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  check_access(to, bytes, true, false);
  return memset(to, value, bytes);
}
}

// --- The launcher
// ---------------------------------------------------------------------------------------------

static struct {
  void* memory;
  size_t bytes;
} scratch[EMETH_CUDA_SCRATCH_SLOTS];

static emeth_status launch(void*, emeth_cuda_kernel kernel, emeth_cuda_size grid, emeth_cuda_size block,
                           size_t, void** arguments) {
  running = &emulated_kernels[kernel];
  if (!grid.x || !grid.y || !grid.z || grid.y > UINT16_MAX || grid.z > UINT16_MAX || grid.x > INT32_MAX)
    fail("no grid: %u x %u x %u", grid.x, grid.y, grid.z);
  if (!block.x || (size_t)block.x * block.y * block.z > MOST_THREADS) fail("no block");
  running_arguments = arguments;
  grid_size = {grid.x, grid.y, grid.z};
  block_size = {block.x, block.y, block.z};
  launch_time = ++time_now;
  // Blocks have no order either.
  const size_t count = (size_t)grid.x * grid.y * grid.z;
  for (size_t i = 0; i < count; i++) {
    const size_t number = schedule == EMULATED_ASCENDING ? i : count - 1 - i;
    block_index = {(unsigned)(number % grid.x), (unsigned)(number / grid.x % grid.y),
                   (unsigned)(number / grid.x / grid.y)};
    run_block();
  }
  running = NULL;
  return EMETH_OK;
}

static emeth_status scratch_memory(void*, void** out, size_t slot, size_t bytes) {
  if (slot >= EMETH_CUDA_SCRATCH_SLOTS) return EMETH_OUT_OF_RANGE;
  // New each time, so that nothing is found there and its end is seen.
  if (scratch[slot].memory) emulated_free(scratch[slot].memory);
  scratch[slot] = {emulated_allocate(bytes), bytes};
  *out = scratch[slot].memory;
  return *out ? EMETH_OK : EMETH_NO_MEMORY;
}

static emeth_status copy(void*, void* to, const void* from, size_t bytes) {
  memcpy(to, from, bytes);
  return EMETH_OK;
}
static emeth_status fill(void*, void* to, uint8_t value, size_t bytes) {
  memset(to, value, bytes);
  return EMETH_OK;
}
static emeth_status synchronize(void*) {
  for (size_t slot = 0; slot < EMETH_CUDA_SCRATCH_SLOTS; slot++) {
    if (scratch[slot].memory) emulated_free(scratch[slot].memory);
    scratch[slot] = {};
  }
  return EMETH_OK;
}

static bool holds(void*, const void* memory) {
  return arena && (const char*)memory >= arena && (const char*)memory < arena + arena_used;
}

const emeth_cuda_launcher emulated_launcher = {NULL, 4,    48 << 10, launch, scratch_memory,
                                               copy, copy, fill,     holds,  NULL,
                                               synchronize};

size_t emulated_argument_bytes(emeth_cuda_kernel kernel, unsigned index) {
  return emulated_kernels[kernel].argument_bytes(index);
}

void emulated_set_schedule(emulated_schedule chosen) { schedule = chosen; }
uint64_t emulated_thread_count(void) { return thread_count; }
