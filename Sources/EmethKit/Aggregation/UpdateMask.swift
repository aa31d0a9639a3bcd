/// What hides one node's update in one attempt of a cohort: a ChaCha20 stream with every other member
/// (PROTOCOL 8).
///
/// y_i = q_i + Σ_{j>i} PRG(K_ij) − Σ_{j<i} PRG(K_ij) mod 2^32; over the whole cohort the streams cancel.
/// PRG is ChaCha20 with counter 0 and nonce 0, one word u32 little-endian a coordinate. Any range of the
/// vector can be masked by itself, so that several threads share the work: the streams are read from where
/// the range begins. Each range is read and written once, whatever the number of members.
///
/// ```swift
/// let mask = try UpdateMask(secret: roundSecret, roster: roster, member: jobID)
/// try mask.mask(update, into: masked)                               // all of it, or
/// try mask.mask(secondHalf, at: UInt64(half), into: maskedHalf)     // a range, on a thread of its own
/// ```
/// A value that may be shared by threads. The keys are overwritten before they are freed.
public struct UpdateMask: Sendable {
  private struct Pair: Sendable {
    var key: SecretBytes
    var adds: Bool
  }

  private let pairs: [Pair]

  /// The mask of one member of a roster.
  ///
  /// - Parameters:
  ///   - secret: The secret behind the member's key in the roster.
  ///   - roster: Checked by the caller (``Roster/check(in:)``): a foreign one hides nothing.
  ///   - member: The SubJob.
  /// - Throws: ``AggregationError``: `tooFewAccounts`, `notAMember`, `roundKeyMismatch` when the roster has
  ///   another key, `roundKeyLowOrder` naming the peer, `library`.
  public init(secret: RoundSecret, roster: Roster, member: JobID) throws(AggregationError) {
    guard roster.accountCount >= Cohort.minimumAccounts else {
      throw .tooFewAccounts(found: roster.accountCount, allowed: Cohort.minimumAccounts)
    }
    guard let own = roster.index(of: member) else { throw .notAMember(member) }
    guard roster.entries[own].roundKey == secret.publicKey else {
      throw .roundKeyMismatch(member, found: secret.publicKey, expected: roster.entries[own].roundKey)
    }
    var pairs: [Pair] = []
    for (index, peer) in roster.entries.enumerated() where index != own {
      pairs.append(Pair(key: try secret.maskKey(with: peer, salt: roster.hash), adds: index > own))
    }
    self.pairs = pairs
  }

  /// Masks a range of an update.
  ///
  /// - Parameters:
  ///   - update: Coordinates of q, i32 little-endian.
  ///   - first: Which coordinate of the whole vector comes first.
  ///   - masked: Where y goes: the same memory, or as many bytes that do not overlap. After an error it holds
  ///     no coordinate of the update beyond those that were there before.
  /// - Precondition: Both buffers are aligned to 4 bytes and equally long.
  /// - Throws: ``AggregationError``: `valueOutOfRing` with the coordinate's place in the whole vector,
  ///   `vectorLength`, `coordinateLimit`, `library`.
  /// - Complexity: A pass over memory, and for every other member 4 bytes of ChaCha20 a coordinate.
  public func mask(
    _ update: UnsafeRawBufferPointer, at first: UInt64 = 0, into masked: UnsafeMutableRawBufferPointer
  ) throws(AggregationError) {
    precondition(update.count == masked.count, "a masked vector is as long as the update")
    let count = try UpdateRing.wordCount(of: update)
    let (end, overflow) = first.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= CohortPlan.maximumCoordinates else {
      throw .coordinateLimit(found: end, allowed: CohortPlan.maximumCoordinates)
    }
    var outside: Int?
    // Memory that is overwritten when it is given back: what stands in it would undo the mask.
    _ = try SecretBytes(count: 2 * Self.blockByteCount) { buffer throws(AggregationError) in
      let scratch = Scratch(
        stream: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.blockByteCount]),
        zeros: UnsafeRawBufferPointer(rebasing: buffer[Self.blockByteCount...]))
      do throws(CryptoError) {
        let streams = try keystreams(at: first, scratch)
        outside = try Self.combine(
          UpdateRing.words(update), streams, into: UpdateRing.words(masked), scratch)
      } catch {
        throw .library(error)
      }
    }
    if let outside {
      let value = UInt32(littleEndian: UpdateRing.words(update)[outside])
      throw .valueOutOfRing(
        coordinate: first + UInt64(outside), found: Int32(bitPattern: value), allowed: UpdateRing.limit)
    }
  }

  private static let blockByteCount = UpdateRing.blockWords * UpdateRing.wordByteCount

  /// Room for one block of a stream, and as many zero bytes, which are encrypted to get it.
  private struct Scratch {
    let stream: UnsafeMutableRawBufferPointer
    let zeros: UnsafeRawBufferPointer
  }

  private struct Stream {
    let keystream: ChaCha20Keystream
    let adds: Bool
  }

  /// The streams, each at the word of a coordinate.
  private func keystreams(at coordinate: UInt64, _ scratch: Scratch) throws(CryptoError) -> [Stream] {
    let wordsPerBlock = UInt64(ChaCha20Keystream.blockByteCount / UpdateRing.wordByteCount)
    let (block, skipped) = coordinate.quotientAndRemainder(dividingBy: wordsPerBlock)
    var streams: [Stream] = []
    for pair in pairs {
      let keystream = try pair.key.withUnsafeBytes { key throws(CryptoError) in
        try ChaCha20Keystream(key: key, block: UInt32(truncatingIfNeeded: block))
      }
      let head = UnsafeMutableRawBufferPointer(
        rebasing: scratch.stream[..<(Int(skipped) * UpdateRing.wordByteCount)])
      try keystream.write(into: head, zeros: scratch.zeros)
      streams.append(Stream(keystream: keystream, adds: pair.adds))
    }
    return streams
  }

  /// Adds the streams block by block; the place of a coordinate out of the ring ends it before its block is
  /// written.
  private static func combine(
    _ update: UnsafeBufferPointer<UInt32>, _ streams: [Stream],
    into masked: UnsafeMutableBufferPointer<UInt32>, _ scratch: Scratch
  ) throws(CryptoError) -> Int? {
    for start in stride(from: 0, to: update.count, by: UpdateRing.blockWords) {
      let block = start..<min(update.count, start + UpdateRing.blockWords)
      let source = UnsafeBufferPointer(rebasing: update[block])
      if let outside = UpdateRing.firstOutside(source, limit: UInt32(UpdateRing.limit)) {
        return start + outside
      }
      let target = UnsafeMutableBufferPointer(rebasing: masked[block])
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: scratch.stream[..<(block.count * UpdateRing.wordByteCount)])
      let words = UpdateRing.words(UnsafeRawBufferPointer(bytes))
      for (number, stream) in streams.enumerated() {
        try stream.keystream.write(into: bytes, zeros: scratch.zeros)
        // The first stream also copies, so that nothing unmasked is ever written.
        if number == 0, target.baseAddress.map({ UnsafePointer($0) }) != source.baseAddress {
          copy(source, adding: words, subtracting: !stream.adds, to: target)
        } else {
          change(target, by: words, subtracting: !stream.adds)
        }
      }
    }
    return nil
  }

  /// Two loops instead of one with a sign, and two functions instead of one: where target and source may be
  /// the same memory, the compiler takes one word at a time.
  @inline(__always)
  private static func copy(
    _ source: UnsafeBufferPointer<UInt32>, adding stream: UnsafeBufferPointer<UInt32>, subtracting: Bool,
    to target: UnsafeMutableBufferPointer<UInt32>
  ) {
    if subtracting {
      for index in 0..<target.count {
        target[index] =
          (UInt32(littleEndian: source[index]) &- UInt32(littleEndian: stream[index])).littleEndian
      }
    } else {
      for index in 0..<target.count {
        target[index] =
          (UInt32(littleEndian: source[index]) &+ UInt32(littleEndian: stream[index])).littleEndian
      }
    }
  }

  @inline(__always)
  private static func change(
    _ target: UnsafeMutableBufferPointer<UInt32>, by stream: UnsafeBufferPointer<UInt32>, subtracting: Bool
  ) {
    if subtracting {
      for index in 0..<target.count {
        target[index] =
          (UInt32(littleEndian: target[index]) &- UInt32(littleEndian: stream[index])).littleEndian
      }
    } else {
      for index in 0..<target.count {
        target[index] =
          (UInt32(littleEndian: target[index]) &+ UInt32(littleEndian: stream[index])).littleEndian
      }
    }
  }
}
