/// Keccak-256, Ethereum's hash function: the original padding, not that of SHA3-256.
///
/// ```swift
/// Keccak256.hash([])   // 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470
///
/// var hash = Keccak256()
/// hash.update("hello ".utf8)
/// hash.update("world".utf8)
/// print(hash.finalize())   // the same as Keccak256.hash("hello world".utf8)
/// ```
/// A value: a copy goes on by itself from where it was taken. Written in Swift, as OpenSSL 3.0 has no Keccak-256; tested
/// against public vectors.
public struct Keccak256: Sendable {
  /// The bytes that one permutation takes in.
  static let blockByteCount = 136

  private var state = InlineArray<25, UInt64>(repeating: 0)
  /// Bytes of the block that is open.
  private var filled = 0

  /// A hash of nothing so far.
  public init() {}

  /// Takes in more bytes.
  public mutating func update(_ bytes: some Collection<UInt8>) {
    if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
      Array(bytes).withUnsafeBytes { update($0) }
    }
  }

  /// Takes in more bytes of a buffer.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    // The rest of the block that is open.
    while filled > 0, offset < bytes.count {
      add(bytes[offset])
      offset += 1
    }
    while bytes.count - offset >= Self.blockByteCount {
      for lane in 0..<Self.blockByteCount / 8 {
        state[lane] ^= Self.lane(of: bytes, at: offset + 8 * lane)
      }
      Self.permute(&state)
      offset += Self.blockByteCount
    }
    // The next block: whole lanes, and the bytes behind them.
    while bytes.count - offset >= 8, filled % 8 == 0 {
      state[filled / 8] ^= Self.lane(of: bytes, at: offset)
      filled += 8
      offset += 8
    }
    while offset < bytes.count {
      add(bytes[offset])
      offset += 1
    }
  }

  /// The digest of all bytes taken in; the hash then starts again from nothing.
  public mutating func finalize() -> Bytes32 {
    // The padding is a one bit behind the message and a one bit at the end of the block.
    state[filled / 8] ^= UInt64(0x01) << UInt64(8 * (filled % 8))
    state[Self.blockByteCount / 8 - 1] ^= 1 << 63
    Self.permute(&state)
    let lanes = state
    self = Keccak256()
    return Bytes32(writing: { digest in
      for lane in 0..<4 {
        digest.storeBytes(of: lanes[lane].littleEndian, toByteOffset: 8 * lane, as: UInt64.self)
      }
    })
  }

  /// The digest of bytes.
  public static func hash(_ bytes: some Collection<UInt8>) -> Bytes32 {
    var hash = Keccak256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of a buffer.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
    var hash = Keccak256()
    hash.update(bytes)
    return hash.finalize()
  }

  private mutating func add(_ byte: UInt8) {
    state[filled / 8] ^= UInt64(byte) << UInt64(8 * (filled % 8))
    filled += 1
    guard filled == Self.blockByteCount else { return }
    Self.permute(&state)
    filled = 0
  }

  private static func lane(of bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
