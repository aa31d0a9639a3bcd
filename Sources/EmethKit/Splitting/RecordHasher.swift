/// The leaf hashes of the records of one part: each record with the salt that its place and the part's
/// secret give it (PROTOCOL 4).
///
/// It gives what ``SplitPlan/recordSalt(partSecret:index:)`` and ``SplitPlan/recordLeafHash(salt:record:)``
/// give, with three blocks of SHA-256 for a short record where those take seven.
///
/// ```swift
/// let hasher = RecordHasher(partSecret: secret.partSecret(3))
/// let leaf = "a record\n".utf8.withContiguousStorageIfAvailable {
///   hasher.leafHash(of: UnsafeRawBufferPointer($0), at: 41)
/// }
/// ```
public struct RecordHasher: Sendable {
  /// HMAC's two hashes behind the first block, which holds the key.
  private let inner: SHA256State
  private let outer: SHA256State

  /// The hasher of the part whose secret this is.
  public init(partSecret: Bytes32) {
    inner = Self.keyed(partSecret, pad: 0x36)
    outer = Self.keyed(partSecret, pad: 0x5C)
  }

  /// The hash of the leaf salt ‖ record in the trees of the plan.
  ///
  /// - Parameter index: The record's place in the whole data set, from 0.
  public func leafHash(of record: UnsafeRawBufferPointer, at index: UInt64) -> Bytes32 {
    let prefixCount = 1 + SplitPlan.recordSaltBytes
    let messageCount = prefixCount + record.count
    let digest = saltDigest(of: index)
    return withUnsafeTemporaryAllocation(byteCount: 2 * SHA256State.blockByteCount, alignment: 8) { buffer in
      buffer[0] = 0x00
      digest.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[1..<prefixCount])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<SplitPlan.recordSaltBytes]))
      }
      // One or two blocks with their padding: the 0x80 and eight bytes of length.
      let blockCount = (messageCount + 9 + SHA256State.blockByteCount - 1) / SHA256State.blockByteCount
      guard blockCount <= 2 else {
        var state = SHA256State()
        state.update(UnsafeRawBufferPointer(rebasing: buffer[..<prefixCount]))
        state.update(record)
        return state.finalized()
      }
      let blocks = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<(blockCount * SHA256State.blockByteCount)])
      UnsafeMutableRawBufferPointer(rebasing: blocks[prefixCount...]).copyMemory(from: record)
      SHA256State.pad(blocks, from: messageCount, messageByteCount: messageCount)
      return SHA256State.digest(ofBlocks: UnsafeRawBufferPointer(blocks))
    }
  }

  /// The salt of a record, 16 bytes.
  ///
  /// - Parameter index: The record's place in the whole data set, from 0.
  public func salt(of index: UInt64) -> [UInt8] {
    Array(saltDigest(of: index).bytes.prefix(SplitPlan.recordSaltBytes))
  }

  /// HMAC-SHA256(part secret, index u64), of which the salt is the first half.
  private func saltDigest(of index: UInt64) -> Bytes32 {
    let blockBytes = SHA256State.blockByteCount
    return withUnsafeTemporaryAllocation(byteCount: blockBytes, alignment: 8) { block in
      block.storeBytes(of: index.bigEndian, as: UInt64.self)
      SHA256State.pad(block, from: 8, messageByteCount: blockBytes + 8)
      var state = inner
      state.update(UnsafeRawBufferPointer(block))
      state.compressed.withUnsafeBytes { block.copyMemory(from: $0) }
      SHA256State.pad(block, from: 32, messageByteCount: blockBytes + 32)
      state = outer
      state.update(UnsafeRawBufferPointer(block))
      return state.compressed
    }
  }

  private static func keyed(_ key: Bytes32, pad: UInt8) -> SHA256State {
    withUnsafeTemporaryAllocation(byteCount: SHA256State.blockByteCount, alignment: 8) { block in
      block.initializeMemory(as: UInt8.self, repeating: pad)
      key.withUnsafeBytes { for (index, byte) in $0.enumerated() { block[index] ^= byte } }
      var state = SHA256State()
      state.update(UnsafeRawBufferPointer(block))
      return state
    }
  }
}
