#if os(Linux)
  import Foundation
  import Testing

  /// Looks for a secret in all of this process's heap, where a copy that nobody overwrote would lie.
  ///
  /// Everything that it needs lies outside the heap and is prepared before, so that neither the secret nor a
  /// search for it disturbs what was just given back to the heap. Stacks are not looked at: what libraries
  /// leave there is not ours to overwrite.
  final class HeapSearch {
    private static let pageSize: UInt = 4096
    private let secret: OwnPages
    private let secretCount: Int
    private let window: OwnPages
    private let memory: Int32
    private let search: Search
    private var regions: [Range<UInt>] = []

    /// A search for as many bytes as `fill` writes into memory outside the heap.
    init(byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
      secret = try OwnPages(byteCount: Int(Self.pageSize))
      window = try OwnPages(byteCount: 1 << 20)
      secretCount = byteCount
      memory = open("/proc/self/mem", O_RDONLY)
      try #require(memory >= 0)
      search = unsafeBitCast(try #require(dlsym(nil, "memmem")), to: Search.self)
      try fill(UnsafeMutableRawBufferPointer(start: secret.start, count: byteCount))
      try look()
    }

    deinit { close(memory) }

    /// The secret, in memory that the search leaves out.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: secret.start, count: secretCount) }

    /// Learns where the heap lies now.
    func look() throws {
      let stack = try Self.stackOfThisThread()
      regions = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
        .compactMap { line -> Range<UInt>? in
          let fields = line.split(separator: " ", omittingEmptySubsequences: true)
          let name = fields.count > 5 ? fields[5] : ""
          // Writable private memory without a file behind it.
          guard fields[1] == "rw-p", name.isEmpty || name == "[heap]" || name.hasPrefix("[anon") else {
            return nil
          }
          let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
          return bounds.count == 2 ? bounds[0]..<bounds[1] : nil
        }
        // The kernel shows neighbouring memory as one region: what lies beside the stack stays.
        .flatMap { region -> [Range<UInt>] in
          guard region.overlaps(stack) else { return [region] }
          let below = region.lowerBound..<max(region.lowerBound, stack.lowerBound)
          let above = min(region.upperBound, stack.upperBound)..<region.upperBound
          return [below, above].filter { !$0.isEmpty }
        }
    }

    /// How often the secret lies in the heap as it was at the last ``look()``. Allocates nothing.
    func count() -> Int {
      var found = 0
      for region in regions {
        var start = region.lowerBound
        while start < region.upperBound {
          let wanted = min(window.byteCount, Int(region.upperBound - start))
          // A region that another thread gives back in the meantime can't be read, which is no error.
          let read = pread(memory, window.start, wanted, off_t(start))
          var offset = 0
          while read > offset,
            let hit = search(window.start + offset, read - offset, secret.start, secretCount)
          {
            offset = UnsafeRawPointer(hit) - UnsafeRawPointer(window.start)
            let place = start + UInt(offset)
            if !secret.range.contains(place), !window.range.contains(place) { found += 1 }
            offset += 1
          }
          // Where a page is gone in the middle, the search goes on behind it.
          guard read == wanted else {
            start += UInt(max(read, 0)) / Self.pageSize * Self.pageSize + Self.pageSize
            continue
          }
          guard wanted == window.byteCount else { break }
          // Windows overlap, so that nothing is cut in two.
          start += UInt(wanted - secretCount + 1)
        }
      }
      return found
    }

    /// How often it lies in the heap as it is now.
    func countAnew() throws -> Int {
      try look()
      return count()
    }

    // Functions of glibc that its headers show to GNU sources only.
    private typealias Search =
      @convention(c) (
        UnsafeRawPointer, Int, UnsafeRawPointer, Int
      ) -> UnsafeMutableRawPointer?
    private typealias ThreadAttributes =
      @convention(c) (
        pthread_t, UnsafeMutablePointer<pthread_attr_t>
      ) -> Int32

    private static func stackOfThisThread() throws -> Range<UInt> {
      var attributes = pthread_attr_t()
      let getAttributes = unsafeBitCast(
        try #require(dlsym(nil, "pthread_getattr_np")), to: ThreadAttributes.self)
      try #require(getAttributes(pthread_self(), &attributes) == 0)
      defer { pthread_attr_destroy(&attributes) }
      var start: UnsafeMutableRawPointer?
      var count = 0
      pthread_attr_getstack(&attributes, &start, &count)
      let first = UInt(bitPattern: start)
      return first..<first + UInt(count)
    }
  }

  /// Pages of their own, overwritten when they are given back.
  private final class OwnPages {
    let start: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) throws {
      self.byteCount = byteCount
      let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      self.start = try #require(start != MAP_FAILED ? start : nil)
    }

    deinit {
      memset(start, 0, byteCount)
      munmap(start, byteCount)
    }

    var range: Range<UInt> { UInt(bitPattern: start)..<UInt(bitPattern: start) + UInt(byteCount) }
  }
#endif
