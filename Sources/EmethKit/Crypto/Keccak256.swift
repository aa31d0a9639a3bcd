/// Keccak-256, Ethereum's hash function: the original padding, not that of SHA3-256.
///
/// ```swift
/// Keccak256.hash([])   // 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470
/// ```
/// Written in Swift, as OpenSSL 3.0 has no Keccak-256; tested against public vectors.
public enum Keccak256 {
  /// The bytes that one permutation takes in.
  static let blockByteCount = 136

  /// The digest of bytes.
  public static func hash(_ bytes: some Collection<UInt8>) -> Bytes32 {
    let digest = bytes.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0)) }
    return digest ?? Array(bytes).withUnsafeBytes { hash($0) }
  }

  /// The digest of a buffer.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
    var state = InlineArray<25, UInt64>(repeating: 0)
    var offset = 0
    while bytes.count - offset >= blockByteCount {
      for lane in 0..<blockByteCount / 8 {
        state[lane] ^= self.lane(of: bytes, at: offset + 8 * lane)
      }
      permute(&state)
      offset += blockByteCount
    }
    // The last block: whole lanes, the bytes behind them, and the padding, which is a one bit behind the
    // message and a one bit at the end of the block.
    let rest = bytes.count - offset
    for lane in 0..<rest / 8 {
      state[lane] ^= self.lane(of: bytes, at: offset + 8 * lane)
    }
    var last = UInt64(0x01) << UInt64(8 * (rest % 8))
    for index in 0..<rest % 8 {
      last |= UInt64(bytes[bytes.count - rest % 8 + index]) << UInt64(8 * index)
    }
    state[rest / 8] ^= last
    state[blockByteCount / 8 - 1] ^= 1 << 63
    permute(&state)
    return Bytes32(writing: { digest in
      for lane in 0..<4 {
        digest.storeBytes(of: state[lane].littleEndian, toByteOffset: 8 * lane, as: UInt64.self)
      }
    })
  }

  private static func lane(of bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
