/// One number that stands for a whole vector, so that a sum can be checked without its terms (PROTOCOL 8).
///
/// h = ⟨ρ, x⟩ mod 2^61 − 1, x signed. ρ is ChaCha20 under the beacon, nonce 0, counter 0: u64 little-endian,
/// the lower 61 bits, 2^61 − 1 skipped. The numbers of a cohort's updates add up to that of their sum; for a
/// wrong sum they do so with one chance in 2^61, as long as the beacon was unknown when the vectors were
/// fixed.
///
/// ```swift
/// var projection = SumProjection(beacon: beacon)
/// try projection.update(vector)                  // any number of pieces, in order
/// let h = projection.value
/// ```
/// Threads take ranges (`firstCoordinate:`) and put them together (``appended(by:)``). A value.
public struct SumProjection: Hashable, Sendable {
  /// 2^61 − 1, a prime.
  public static let modulus: UInt64 = (1 << 61) - 1

  /// The key of the stream.
  public let beacon: Bytes32
  /// The first coordinate of the range.
  public let firstCoordinate: UInt64
  /// The coordinate behind the last one taken in.
  public private(set) var endCoordinate: UInt64
  /// The number, below ``modulus``.
  public private(set) var value: UInt64 = 0
  /// How many numbers of the stream were skipped in this range: none, with all but one chance in 2^61 each.
  private var skipped: UInt64 = 0

  /// Nothing yet, before a coordinate.
  public init(beacon: Bytes32, firstCoordinate: UInt64 = 0) {
    self.beacon = beacon
    self.firstCoordinate = firstCoordinate
    endCoordinate = firstCoordinate
  }

  /// Takes in the next coordinates, i32 little-endian, aligned to 4 bytes.
  ///
  /// - Throws: ``AggregationError``: `vectorLength`, `coordinateLimit`, `library`. The projection is then as
  ///   it was.
  public mutating func update(_ vector: UnsafeRawBufferPointer) throws(AggregationError) {
    let words = UpdateRing.words(vector)
    let count = try UpdateRing.wordCount(of: vector)
    let (end, overflow) = endCoordinate.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= CohortPlan.maximumCoordinates else {
      throw .coordinateLimit(found: end, allowed: CohortPlan.maximumCoordinates)
    }
    var next = self
    do throws(CryptoError) {
      try next.take(words)
    } catch {
      throw .library(error)
    }
    self = next
  }

  /// The projection of this range and the one that follows it; nil unless it does, under the same beacon.
  ///
  /// Also nil when a number of the stream was skipped in this range, so that the next one's places are
  /// others: project it again behind this one.
  public func appended(by next: SumProjection) -> SumProjection? {
    guard next.beacon == beacon, next.firstCoordinate == endCoordinate, skipped == 0 else { return nil }
    var whole = self
    whole.value = Self.sum(value, next.value)
    whole.endCoordinate = next.endCoordinate
    whole.skipped = next.skipped
    return whole
  }

  /// The sum of two numbers below the modulus.
  public static func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
    (first % modulus + second % modulus) % modulus
  }

  private mutating func take(_ words: UnsafeBufferPointer<UInt32>) throws(CryptoError) {
    let drawBytes = 8
    let drawsPerBlock = UInt64(ChaCha20Keystream.blockByteCount / drawBytes)
    let (block, before) = (endCoordinate + skipped).quotientAndRemainder(dividingBy: drawsPerBlock)
    let stream = try beacon.withUnsafeBytes { key throws(CryptoError) in
      try ChaCha20Keystream(key: key, block: UInt32(truncatingIfNeeded: block))
    }
    let byteCount = UpdateRing.blockWords * drawBytes
    // Drawn numbers and as many zero bytes. Nothing here is secret, but the memory is at hand.
    _ = try SecretBytes(count: 2 * byteCount) { buffer throws(CryptoError) in
      let draws = UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount])
      let zeros = UnsafeRawBufferPointer(rebasing: buffer[byteCount...])
      try stream.write(
        into: UnsafeMutableRawBufferPointer(rebasing: draws[..<(Int(before) * drawBytes)]), zeros: zeros)
      var rest = words[...]
      while !rest.isEmpty {
        let filled = UnsafeMutableRawBufferPointer(
          rebasing: draws[..<(min(rest.count, UpdateRing.blockWords) * drawBytes)])
        try stream.write(into: filled, zeros: zeros)
        let taken = multiply(filled.bindMemory(to: UInt64.self), UnsafeBufferPointer(rebasing: rest))
        rest = rest.dropFirst(taken)
      }
    }
  }

  /// Adds the products of drawn numbers and coordinates, one for each draw that counts; returns how many.
  mutating func multiply(
    _ draws: UnsafeMutableBufferPointer<UInt64>, _ words: UnsafeBufferPointer<UInt32>
  ) -> Int {
    // A block's products stay far below 2^127: 2^61 x 2^31 x 2048.
    var total: Int128 = 0
    var taken = 0
    for draw in draws {
      let factor = UInt64(littleEndian: draw) & Self.modulus
      if factor == Self.modulus {
        skipped += 1
        continue
      }
      let coordinate = Int32(bitPattern: UInt32(littleEndian: words[taken]))
      let (high, low) = Int64(coordinate).multipliedFullWidth(by: Int64(bitPattern: factor))
      total &+= Int128(high) << 64 | Int128(low)
      taken += 1
    }
    value = Self.sum(value, Self.residue(of: total))
    endCoordinate += UInt64(taken)
    return taken
  }

  /// A signed number mod 2^61 − 1, from 0 on.
  private static func residue(of number: Int128) -> UInt64 {
    let rest = number % Int128(modulus)
    return UInt64(truncatingIfNeeded: rest < 0 ? rest + Int128(modulus) : rest)
  }
}
