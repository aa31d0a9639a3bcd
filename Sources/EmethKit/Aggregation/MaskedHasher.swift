/// The root over the 1 MiB chunks of a masked vector or of a sum, taken in piece by piece (PROTOCOL 8).
///
/// The tree is RFC 6962's over SHA-256, as resultRoot's, but its leaves have no salt: masked vectors and sums
/// are public, and whoever adds them again must be able to compute their roots. No bytes are one empty chunk.
///
/// ```swift
/// var hasher = MaskedHasher()
/// hasher.update(firstPart)
/// hasher.update(secondPart)
/// let maskedRoot = hasher.finish().root
/// ```
/// Several threads hash runs of whole chunks, each with a hasher of its own that begins at another chunk, and
/// put the results together (``StateTreeRange``). A value: a copy goes on by itself.
public struct MaskedHasher: Sendable {
  /// The bytes of a chunk; the last one of a vector may be shorter.
  public static let chunkByteCount = 1 << 20

  private var leaves: StateTreeRange
  private var chunk = Self.openedChunk()
  private var chunkBytes = 0

  /// A hasher of the chunks from this one on.
  public init(firstChunk: UInt64 = 0) {
    leaves = StateTreeRange(firstLeaf: firstChunk)
  }

  /// Takes in more bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes[...]
    while !rest.isEmpty {
      if chunkBytes == Self.chunkByteCount { closeChunk() }
      let piece = rest.prefix(Self.chunkByteCount - chunkBytes)
      chunk.update(UnsafeRawBufferPointer(rebasing: piece))
      chunkBytes += piece.count
      rest = rest[piece.endIndex...]
    }
  }

  /// The leaves of all that was taken in, the last one as long as it is.
  public consuming func finish() -> StateTreeRange {
    if chunkBytes > 0 || leaves.endLeaf == 0 { closeChunk() }
    return leaves
  }

  /// The root of a whole vector.
  public static func root(of vector: UnsafeRawBufferPointer) -> Bytes32 {
    var hasher = MaskedHasher()
    hasher.update(vector)
    return hasher.finish().root
  }

  private mutating func closeChunk() {
    leaves.append(chunk.finalize())
    chunk = Self.openedChunk()
    chunkBytes = 0
  }

  private static func openedChunk() -> SHA256 {
    var hash = SHA256()
    hash.update(CollectionOfOne(0x00))
    return hash
  }
}
