/// Gathers bytes into large aligned blocks, as files want them that are written past the page cache.
final class DirectBlocks {
  /// The system's flag for such files (Linux: O_DIRECT, which its headers show to C alone); 0 where there is none.
  static let openFlag: Int32 = {
    #if os(Linux) && arch(x86_64)
      0o40000
    #elseif os(Linux) && arch(arm64)
      0o200000
    #else
      0
    #endif
  }()

  /// Aligned for every disk.
  private static let alignment = 4_096
  private static let blockByteCount = 4 << 20

  private let block = UnsafeMutableRawBufferPointer.allocate(
    byteCount: blockByteCount, alignment: alignment)
  private var count = 0

  deinit { block.deallocate() }

  /// What is gathered and has not been handed on.
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: block[..<count]) }

  /// Adds bytes; hands each block on that is full.
  func add(
    _ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    var bytes = bytes[...]
    while !bytes.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(block.count - count))
      UnsafeMutableRawBufferPointer(rebasing: block[count...]).copyMemory(from: piece)
      count += piece.count
      bytes = bytes.dropFirst(piece.count)
      if count == block.count {
        try write(UnsafeRawBufferPointer(block))
        count = 0
      }
    }
  }
}
